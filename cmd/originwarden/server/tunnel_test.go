package server_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/demo"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
	"originwarden/origins"
	"originwarden/store"
)

// delayedFeed is a store that calls afterDelete after a deletion, before the
// deletion returns and before the feed reports it.
type delayedFeed struct {
	store.Store
	afterDelete func()
	deleting    sync.Mutex
}

func (s *delayedFeed) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (uint64, error) {
	s.deleting.Lock()
	defer s.deleting.Unlock()
	revision, err := s.Store.Delete(ctx, tenant, id, allow)
	s.afterDelete()
	return revision, err
}

func (s *delayedFeed) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	return s.Store.Watch(ctx, after, func(changes []origins.Change) {
		s.deleting.Lock()
		defer s.deleting.Unlock()
		changed(changes)
	})
}

// startServer runs a server with the store that wrap returns until the end of the
// test, and returns its URL. wrap gets a pointer to that URL, which is set once the
// server is ready.
func startServer(t *testing.T, configuration string, wrap func(url *string, s store.Store) store.Store) string {
	t.Helper()
	cfg, err := config.Parse("", []byte(configuration))
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan string, 1), make(chan error, 1)
	s := server.New(cfg, server.Options{
		Log:    logs.New(cfg.Log, io.Discard),
		Listen: func(_, address string) (net.Listener, error) { return net.Listen("tcp", address) },
		Ready:  func(tenants, _, _ net.Addr) { ready <- "http://" + tenants.String() },
	})
	var url string
	stop, end := context.WithCancel(context.Background())
	go func() {
		ended <- s.RunWithStore(stop, context.Background(), func(s store.Store) store.Store { return wrap(&url, s) })
	}()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	url = <-ready
	return url
}

// send sends one request on a new connection. Each header is "Name: value".
func send(t *testing.T, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestServer_ClosesTunnelsIfListIsLoadedBeforeFeedReportsDeletion(t *testing.T) {
	const page, token, collection = "https://page.example", "ow_token", "/api/v1/web-integrations"
	upstream := httptest.NewServer(demo.Tenant())
	t.Cleanup(upstream.Close)
	url := startServer(t, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants: [{id: acme, upstream: '%[1]s'}, {id: other, hosts: [other.example], upstream: '%[1]s'}]
store: {url: 'sqlite:%[2]s'}
cache: {tenants: 1}
timeouts: {drain: 1s}
api: {tokens: [{subject: ops, tenant: acme, role: admin, sha256: '%[3]x'}]}
`, upstream.URL, filepath.Join(t.TempDir(), "lists.db"), sha256.Sum256([]byte(token))), func(url *string, s store.Store) store.Store {
		return &delayedFeed{Store: s, afterDelete: func() {
			send(t, "GET", *url, "", "Host: other.example", "Origin: https://strange.example") // evicts the list of acme
			if response := send(t, "GET", *url, "", "Origin: "+page); response.StatusCode != 403 {
				t.Errorf("request after the deletion: status %s, want 403", response.Status)
			}
		}}
	})
	bearer := "Authorization: Bearer " + token
	created := send(t, "POST", url+collection, `{"name":"n","validOrigins":["`+page+`"]}`, bearer, "Content-Type: application/json")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	socket, _, err := websocket.Dial(ctx, url+"/socket", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {page}}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	if response := send(t, "DELETE", created.Header.Get("Location"), "", bearer); response.StatusCode != 204 {
		t.Fatalf("DELETE: status %s, want 204", response.Status)
	}
	if _, _, err := socket.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the tunnel ended with %v, want close status 1008", err)
	}
}
