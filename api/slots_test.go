package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api"
	"originwarden/store"
)

// storeWithLongPage returns a store whose pages contain one web integration of
// about the given size.
func storeWithLongPage(bytes int) *hooks {
	h := emptyStore()
	h.page = func(context.Context, string, store.Query) (store.Page, error) {
		entries := make([]string, 0, bytes/1000)
		for range bytes / 1000 {
			entries = append(entries, "https://"+strings.Repeat("a", 992))
		}
		return store.Page{Integrations: []store.WebIntegration{{ID: store.NewID(), TenantID: "acme", Name: "n", ValidOrigins: entries}}}, nil
	}
	return h
}

// stalledConn is the connection of a client that neither reads nor sends. Reads
// and writes block until a deadline is set.
type stalledConn struct {
	*httptest.ResponseRecorder
	ended chan struct{}
	once  sync.Once
}

func newStalledConn() *stalledConn {
	return &stalledConn{ResponseRecorder: httptest.NewRecorder(), ended: make(chan struct{})}
}

func (d *stalledConn) Write([]byte) (int, error) { <-d.ended; return 0, os.ErrDeadlineExceeded }

func (d *stalledConn) Read([]byte) (int, error) { <-d.ended; return 0, os.ErrDeadlineExceeded }

func (d *stalledConn) Close() error { return nil }

func (d *stalledConn) SetWriteDeadline(time.Time) error { d.disconnect(); return nil }

func (d *stalledConn) SetReadDeadline(time.Time) error { d.disconnect(); return nil }

func (d *stalledConn) disconnect() { d.once.Do(func() { close(d.ended) }) }

// stalledClients sends requests whose clients stall, and counts the outcomes of
// all requests.
type stalledClients struct {
	t       *testing.T
	running sync.WaitGroup
	mu      sync.Mutex
	over    bool
	clients []*stalledConn
	limits  map[string]int // number of outcomes by Outcome.Limit
}

func (c *stalledClients) observe(_ context.Context, o api.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits[o.Limit]++
}

// send sends n requests concurrently. If repeat is true, each one is sent again
// when it ends.
func (c *stalledClients) send(handler http.Handler, r request, n int, repeat bool) {
	for range n {
		c.running.Go(func() {
			for c.sendOnce(handler, r) && repeat {
			}
		})
	}
	synctest.Wait()
}

// sendOnce sends r once. It reports false after end was called.
func (c *stalledClients) sendOnce(handler http.Handler, r request) bool {
	d := newStalledConn()
	c.mu.Lock()
	over := c.over
	c.clients = append(c.clients, d)
	c.mu.Unlock()
	if over {
		return false
	}
	built := r.build(c.t, "http://acme.example")
	if r.method == http.MethodPost {
		built.Body, built.ContentLength = d, -1
	}
	defer func() {
		if cut := recover(); cut != nil && cut != http.ErrAbortHandler {
			panic(cut)
		}
	}()
	handler.ServeHTTP(d, built)
	return true
}

// end disconnects all clients and waits for their requests.
func (c *stalledClients) end() {
	c.mu.Lock()
	c.over = true
	for _, d := range c.clients {
		d.disconnect()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// measure sends r from a client that reads, checks the status and returns how long
// the response took.
func (c *stalledClients) measure(handler http.Handler, r request, want int) time.Duration {
	c.t.Helper()
	begin := time.Now()
	if got := r.sendTo(c.t, handler); got.status != want {
		c.t.Errorf("%s %s: %d %.200s, want %d", r.method, r.path, got.status, got.body, want)
	}
	return time.Since(begin)
}

// newStalledClients returns clients of an API over h, on the hosts of acme and
// globex, without rate limits.
func newStalledClients(t *testing.T, h *hooks) (c *stalledClients, acme, globex http.Handler) {
	c = &stalledClients{t: t, limits: map[string]int{}}
	config := newConfig(h)
	config.Observe = c.observe
	config.Limits.Body = 1 << 20
	a := api.New(config)
	return c, a.Tenant("acme"), a.Tenant("globex")
}

var (
	longRead   = request{method: "GET", path: collection, token: readerToken}
	longUpload = request{method: "POST", path: collection}
)

func TestResponse_ToStalledClientIsAbortedIfAnotherRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acme, globex := newStalledClients(t, storeWithLongPage(1<<20))
		c.send(acme, longRead, 4, false)
		if took := c.measure(globex, request{path: collection, token: otherToken}, 200); took != 0 {
			t.Errorf("a request to another tenant took %s, want 0s", took)
		}
		time.Sleep(25 * time.Second) // no other request waits for a slot
		if c.limits[api.LimitInFlight] != 0 {
			t.Errorf("%d requests were aborted though none waited", c.limits[api.LimitInFlight])
		}
		if took := c.measure(acme, readRequest, 200); took > time.Second {
			t.Errorf("a request after stalled ones took %s, want at most 1s", took)
		}
		c.running.Wait()
		if c.limits[api.LimitInFlight] != 4 {
			t.Errorf("outcomes by limit %v", c.limits)
		}
	})
}

// slowStalledConn is a stalledConn that ignores the first two write deadlines.
type slowStalledConn struct {
	*stalledConn
	deadlines int
}

func (d *slowStalledConn) SetWriteDeadline(time.Time) error {
	if d.deadlines++; d.deadlines == 3 {
		d.disconnect()
	}
	return nil
}

func TestResponse_AbortIsRepeatedUntilWriteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acme, _ := newStalledClients(t, storeWithLongPage(1<<20))
		for range 4 {
			c.running.Go(func() {
				defer func() { recover() }()
				acme.ServeHTTP(&slowStalledConn{stalledConn: newStalledConn()}, longRead.build(t, "http://acme.example"))
			})
		}
		time.Sleep(3 * time.Second)
		if took := c.measure(acme, readRequest, 200); took != 1500*time.Millisecond {
			t.Errorf("a request took %s, want 1.5s", took)
		}
		c.running.Wait()
	})
}

func TestResponse_IsSentThoughStalledClientsOutnumberSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acme, globex := newStalledClients(t, storeWithLongPage(1<<20))
		defer c.end()
		c.send(acme, longRead, 20, true)
		for range 10 {
			if took := c.measure(acme, readRequest, 200); took > 3*time.Second {
				t.Errorf("a request took %s, want at most 3s", took)
			}
			if took := c.measure(globex, request{path: collection, token: otherToken}, 200); took != 0 {
				t.Errorf("a request to another tenant took %s, want 0s", took)
			}
		}
	})
}

func TestResponse_ShortNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acme, _ := newStalledClients(t, storeWithLongPage(60_000))
		defer c.end()
		c.send(acme, longRead, 50, false)
		if took := c.measure(acme, readRequest, 200); took != 0 {
			t.Errorf("a request took %s, want 0s", took)
		}
	})
}

// concurrencyCounter counts what is running, and the most that ran at once.
type concurrencyCounter struct {
	mu        sync.Mutex
	now, most map[string]int
}

func (g *concurrencyCounter) add(what string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[what] += n
	g.most[what] = max(g.most[what], g.now[what])
}

func TestRead_WaitsForSlotThenReturns429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, inStore := emptyStore(), concurrencyCounter{now: map[string]int{}, most: map[string]int{}}
		h.page = func(_ context.Context, tenant string, _ store.Query) (store.Page, error) {
			inStore.add(tenant, 1)
			inStore.add("all", 1)
			time.Sleep(3 * time.Second)
			inStore.add(tenant, -1)
			inStore.add("all", -1)
			return store.Page{}, nil
		}
		a := api.New(newConfig(h))
		var running sync.WaitGroup
		var statuses concurrencyCounter
		statuses.now, statuses.most = map[string]int{}, map[string]int{}
		for n := range 60 {
			running.Go(func() {
				got := request{path: collection, token: globalToken}.sendTo(t, a.Tenant(fmt.Sprintf("t%d", n%6)))
				statuses.add(fmt.Sprint(got.status, " ", got.header.Get("Retry-After")), 1)
			})
		}
		running.Wait()
		if inStore.most["all"] != 16 || inStore.most["t0"] > 4 {
			t.Errorf("concurrent reads of the store: %v, want 16 in all and at most 4 of t0", inStore.most)
		}
		if statuses.now["200 "] != 32 || statuses.now["429 1"] != 28 { // two rounds of reads fit into the 5 s that a request waits
			t.Errorf("statuses %v", statuses.now)
		}
	})
}

// An undo reads long records, however short its own request is.
func TestUndo_WaitsForSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, inStore := emptyStore(), concurrencyCounter{now: map[string]int{}, most: map[string]int{}}
		h.history = func(_ context.Context, tenant string, _ store.HistoryQuery) (store.HistoryPage, error) {
			inStore.add(tenant, 1)
			time.Sleep(time.Second)
			inStore.add(tenant, -1)
			return store.HistoryPage{}, nil
		}
		acme := api.New(newConfig(h)).Tenant("acme")
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() { request{method: "POST", path: changesPath + "/1/undo", body: "{}"}.sendTo(t, acme) })
		}
		running.Wait()
		if inStore.most["acme"] != 4 {
			t.Errorf("%d undos read at once, want 4", inStore.most["acme"])
		}
	})
}

func TestUpload_StalledReleasesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acme, _ := newStalledClients(t, emptyStore())
		c.send(acme, longUpload, 4, false)
		if took := c.measure(acme, readRequest, 200); took != 0 {
			t.Errorf("a read took %s, want 0s", took)
		}
		if took := c.measure(acme, writeRequest, 201); took != 0 {
			t.Errorf("a short write took %s, want 0s", took)
		}
		long := writeRequest
		long.body = `{"name":"n"` + strings.Repeat(" ", 100_000) + "}"
		if took := c.measure(acme, long, 201); took > 3*time.Second {
			t.Errorf("another upload took %s, want at most 3s", took)
		}
		c.running.Wait()
		if c.limits[api.LimitInFlight] == 0 {
			t.Errorf("outcomes by limit %v", c.limits)
		}
	})
}

// createRequest returns a request that creates a web integration with 1000 copies
// of entry.
func createRequest(entry string) request {
	body := `{"name":"n","validOrigins":["` + strings.Repeat(entry+`","`, 999) + entry + `"]}`
	return request{method: "POST", path: collection, body: body}
}

// writeSizeRecorder records the size of the longest write.
type writeSizeRecorder struct {
	*httptest.ResponseRecorder
	longest int
}

func (p *writeSizeRecorder) Write(b []byte) (int, error) {
	p.longest = max(p.longest, len(b))
	return p.ResponseRecorder.Write(b)
}

func TestResponse_IsWrittenInChunks(t *testing.T) {
	h := storeWithLongPage(900_000)
	h.integration = func(context.Context, string, string) (store.WebIntegration, error) {
		page, _ := h.page(t.Context(), "", store.Query{})
		return page.Integrations[0], nil
	}
	config := newConfig(h)
	config.Limits = api.Limits{Origins: 1000, Body: 1 << 20}
	acme := api.New(config).Tenant("acme")
	for _, tt := range []struct {
		rule  string
		asked request
		least int // bytes
	}{
		{"a page", readRequest, 900_000},
		{"a web integration", request{path: collection + "/" + store.NewID()}, 900_000},
		{"a created web integration", createRequest("https://" + strings.Repeat("a.", 90) + "example"), 190_000},
		{"an error for each entry", createRequest("x"), 200_000},
	} {
		w := &writeSizeRecorder{ResponseRecorder: httptest.NewRecorder()}
		acme.ServeHTTP(w, tt.asked.build(t, "http://acme.example"))
		if w.Body.Len() < tt.least || w.longest > 64<<10 {
			t.Errorf("%s: status %d, %d bytes in writes of up to %d", tt.rule, w.Code, w.Body.Len(), w.longest)
		}
	}
}
