package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

// eachWrite is one of each kind of write, to a web integration that lists a.example.
func eachWrite(id string) []request {
	return []request{
		{method: "POST", path: collection, body: `{"name":"m","validOrigins":["https://b.example"]}`},
		{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`},
		{method: "DELETE", path: collection + "/" + id},
	}
}

func TestWrite_IsKeptOnceItIsInForceAndBeforeItsAnswer(t *testing.T) {
	g := newGate(t)
	id := g.create("n", "https://a.example").ID
	var kept []bool
	g.config.Keep = func(context.Context) error {
		kept = append(kept, g.listsNow("https://b.example"), g.listsNow("https://a.example"), g.listsNow("https://c.example"))
		return nil
	}
	g.serve(func(h http.Handler) http.Handler { return h })
	for i, want := range [][3]bool{{true, true, false}, {true, false, true}, {true, false, false}} {
		if got := g.send(eachWrite(id)[i]); got.status >= 300 || len(kept) != 3*(i+1) || [3]bool(kept[3*i:]) != want {
			t.Errorf("write %d: %d, kept with %v in force, want %v", i, got.status, kept, want)
		}
	}
	if g.send(request{path: collection}); len(kept) != 9 {
		t.Error("a read is kept")
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
	for i, r := range eachWrite(id) {
		got := g.send(r)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Web-Integrations-Revision") != "" || got.header.Get("ETag") != "" {
			t.Errorf("write %d: %d %v %s", i, got.status, got.header, got.body)
		}
		if len(logged) != i+1 || !errors.Is(logged[i], errKeeping) {
			t.Errorf("write %d: logged %v", i, logged)
		}
	}
	if g.listsNow("https://a.example") || !g.listsNow("https://b.example") {
		t.Error("what is not kept is not in force either")
	}
}
