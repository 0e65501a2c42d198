package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"originwarden/api"
)

func TestConcurrentPatches_OneWinsPerETag(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	tag := g.read(id).header.Get("ETag")
	statuses := g.sendConcurrently(100, func(i int) request {
		return request{method: "PATCH", path: collection + "/" + id, header: map[string]string{"If-Match": tag},
			body: fmt.Sprintf(`[{"op":"replace","path":"/name","value":"n%d"}]`, i)}
	})
	if statuses[204] != 1 || statuses[412] != 99 {
		t.Errorf("statuses %v, want one 204 and 99 412", statuses)
	}
}

// sendConcurrently sends n requests at once and counts the statuses.
func (g *testAPI) sendConcurrently(n int, r func(i int) request) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	statuses := map[int]int{}
	for i := range n {
		wg.Go(func() {
			got := g.send(r(i))
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	wg.Wait()
	return statuses
}

func TestConcurrentPatches_ListMatchesLastWrite(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	g.isListed("") // loads the list
	statuses := g.sendConcurrently(100, func(i int) request {
		return request{method: "PATCH", path: collection + "/" + id,
			body: fmt.Sprintf(`[{"op":"replace","path":"/validOrigins","value":["https://n%d.example"]}]`, i)}
	})
	if statuses[204] != 100 {
		t.Fatalf("statuses %v, want 100 204", statuses)
	}
	end := g.read(id)
	if want := `"101"`; end.header.Get("ETag") != want {
		t.Errorf("ETag %s after 1 + 100 writes, want %s", end.header.Get("ETag"), want)
	}
	kept := end.integration(t).ValidOrigins
	for i := range 100 {
		origin := fmt.Sprintf("https://n%d.example", i)
		if g.isListed(origin) != slices.Contains(kept, origin) {
			t.Errorf("%s listed: %v, stored origins %v", origin, g.isListed(origin), kept)
		}
	}
}

func TestConcurrentPatches_IfMatchPreventsLostUpdates(t *testing.T) {
	g := newTestAPI(t)
	g.config.Limits = api.Limits{Origins: 100, Body: 1 << 16}
	g.serve(func(h http.Handler) http.Handler { return h })
	id := g.create("n").ID
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for i := range 10 {
				g.addOrigin(id, fmt.Sprintf("https://n%d.example", 10*worker+i))
			}
		})
	}
	wg.Wait()
	if n := len(g.read(id).integration(t).ValidOrigins); n != 100 {
		t.Errorf("%d origins, want 100", n)
	}
	for i := range 100 {
		if !g.isListed(fmt.Sprintf("https://n%d.example", i)) {
			t.Errorf("n%d is not listed", i)
		}
	}
}

// addOrigin adds an entry with If-Match, and retries after a conflict.
func (g *testAPI) addOrigin(id, origin string) {
	for {
		read := g.read(id)
		value, _ := json.Marshal(append(read.integration(g.t).ValidOrigins, origin))
		got := g.send(request{method: "PATCH", path: collection + "/" + id, header: map[string]string{"If-Match": read.header.Get("ETag")},
			body: `[{"op":"replace","path":"/validOrigins","value":` + string(value) + `}]`})
		if got.status == http.StatusNoContent {
			return
		}
		if got.status != http.StatusPreconditionFailed {
			g.t.Errorf("status %d: %s", got.status, got.body)
			return
		}
	}
}
