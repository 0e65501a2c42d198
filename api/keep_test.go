package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

// revisions are writes that may take origins off a list, to a web integration
// that lists a.example.
func revisions(id string) []request {
	return []request{
		{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`},
		{method: "DELETE", path: collection + "/" + id},
	}
}

func TestWrite_IsKeptOnceItIsInForceAndBeforeItsAnswer(t *testing.T) {
	g := newGate(t)
	var kept [][2]bool
	g.config.Keep = func(context.Context) error {
		kept = append(kept, [2]bool{g.listsNow("https://a.example"), g.listsNow("https://c.example")})
		return nil
	}
	g.serve(func(h http.Handler) http.Handler { return h })
	id := g.create("n", "https://a.example").ID
	g.send(request{path: collection})
	if len(kept) > 0 {
		t.Error("a creation waits for the disk, or a read")
	}
	for i, want := range [][2]bool{{false, true}, {false, false}} {
		if got := g.send(revisions(id)[i]); got.status != http.StatusNoContent || len(kept) != i+1 || kept[i] != want {
			t.Errorf("write %d: %d, kept with %v in force, want %v", i, got.status, kept, want)
		}
	}
}

func TestWrite_IsNotAcknowledgedUnlessItIsKept(t *testing.T) {
	g := newGate(t)
	id := g.create("n", "https://a.example").ID
	errKeeping := errors.New("the disk is read-only")
	var logged []error
	g.config.Log = func(_ context.Context, err error) { logged = append(logged, err) }
	g.config.Keep = func(context.Context) error { return errKeeping }
	g.serve(func(h http.Handler) http.Handler { return h })
	for i, r := range revisions(id) {
		got := g.send(r)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Web-Integrations-Revision") != "" || got.header.Get("ETag") != "" {
			t.Errorf("write %d: %d %v %s", i, got.status, got.header, got.body)
		}
		if len(logged) != i+1 || !errors.Is(logged[i], errKeeping) {
			t.Errorf("write %d: logged %v", i, logged)
		}
	}
	if g.listsNow("https://a.example") {
		t.Error("what is not kept is not in force either")
	}
}
