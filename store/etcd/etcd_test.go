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

func TestOpen_RefusesOptionsThatCannotWork(t *testing.T) {
	sound := etcd.Options{Endpoints: []string{"127.0.0.1:1"}, Limits: store.Limits{Integrations: 1, Origins: 1}}
	for name, spoil := range map[string]func(*etcd.Options){
		"no endpoint":                       func(o *etcd.Options) { o.Endpoints = nil },
		"an endpoint without a port":        func(o *etcd.Options) { o.Endpoints = []string{"127.0.0.1:1", "localhost"} },
		"an endpoint without a host":        func(o *etcd.Options) { o.Endpoints = []string{":2379"} },
		"an endpoint that is a URL":         func(o *etcd.Options) { o.Endpoints = []string{"http://127.0.0.1:1"} },
		"an endpoint with a user":           func(o *etcd.Options) { o.Endpoints = []string{"a@127.0.0.1:1"} },
		"a user without a password":         func(o *etcd.Options) { o.Username = "a" },
		"a password without a user":         func(o *etcd.Options) { o.Password = "a" },
		"no limits":                         func(o *etcd.Options) { o.Limits = store.Limits{} },
		"a revision without the store's id": func(o *etcd.Options) { o.Known.Revision = 1 },
	} {
		o := sound
		if spoil(&o); o.Limits == sound.Limits && name == "no limits" {
			t.Fatal("the row spoils nothing")
		}
		if s, err := etcd.Open(t.Context(), o); err == nil {
			t.Errorf("it opens with %s", name)
			_ = s.Close()
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := etcd.Open(ended, sound); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// Nobody accepts at the one address, nobody answers at the other.
func TestStore_OpensWithoutTheCluster(t *testing.T) {
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
		begun := time.Now()
		s, err := etcd.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err = s.Position(ctx)
		watchErr := s.Watch(ctx, 0, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(watchErr, context.DeadlineExceeded) {
			t.Errorf("as %q: %v; %v", user, err, watchErr)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("as %q it took %v", user, took)
		}
		if _, err := s.Position(t.Context()); err == nil {
			t.Error("a closed store has a position")
		}
	}
}
