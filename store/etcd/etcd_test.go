package etcd_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/etcd"
)

var _ store.Store = (*etcd.Store)(nil)

func TestOpen_RefusesInvalidOptions(t *testing.T) {
	valid := etcd.Options{Endpoints: []string{"127.0.0.1:1"}, Limits: store.Limits{Integrations: 1, Origins: 1}}
	for name, invalidate := range map[string]func(*etcd.Options){
		"no endpoint":                        func(o *etcd.Options) { o.Endpoints = nil },
		"endpoint without a port":            func(o *etcd.Options) { o.Endpoints = []string{"127.0.0.1:1", "localhost"} },
		"endpoint without a host":            func(o *etcd.Options) { o.Endpoints = []string{":2379"} },
		"endpoint is a URL":                  func(o *etcd.Options) { o.Endpoints = []string{"http://127.0.0.1:1"} },
		"endpoint with a user":               func(o *etcd.Options) { o.Endpoints = []string{"a@127.0.0.1:1"} },
		"user without a password":            func(o *etcd.Options) { o.Username = "a" },
		"password without a user":            func(o *etcd.Options) { o.Password = "a" },
		"no limits":                          func(o *etcd.Options) { o.Limits = store.Limits{} },
		"known revision without an identity": func(o *etcd.Options) { o.Known.Revision = 1 },
	} {
		o := valid
		if invalidate(&o); o.Limits == valid.Limits && name == "no limits" {
			t.Fatal("the row changes nothing")
		}
		if s, err := etcd.Open(t.Context(), o); err == nil {
			t.Errorf("%s: Open returned no error", name)
			_ = s.Close()
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := etcd.Open(ended, valid); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a canceled context: error %v, want Canceled", err)
	}
}

// One endpoint refuses connections; the other one accepts them and never responds.
func TestStore_OpensWithoutCluster(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, user := range []string{"", "user"} {
		o := etcd.Options{
			Endpoints: []string{"127.0.0.1:1", silent.Addr().String()}, Limits: store.Limits{Integrations: 1, Origins: 1},
			Access: etcd.Access{Username: user, Password: user},
		}
		start := time.Now()
		s, err := etcd.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err = s.Position(ctx)
		watchErr := s.Watch(ctx, 0, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(watchErr, context.DeadlineExceeded) {
			t.Errorf("user %q: Position: %v; Watch: %v; want DeadlineExceeded", user, err, watchErr)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("user %q: the calls took %v", user, took)
		}
		if _, err := s.Position(t.Context()); err == nil {
			t.Error("Position of a closed store returned no error")
		}
	}
}
