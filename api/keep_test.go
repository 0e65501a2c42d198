package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"originwarden/lists"
	"originwarden/store"
)

// removalRequests returns a PATCH and a DELETE, which remove a.example from the
// list.
func removalRequests(id string) []request {
	return []request{
		{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`},
		{method: "DELETE", path: collection + "/" + id},
	}
}

// keepHook calls keep after the cache has kept a list.
type keepHook struct {
	*lists.Cache
	keep func(context.Context) error
}

func (k keepHook) Keep(ctx context.Context, tenant string) error {
	if err := k.Cache.Keep(ctx, tenant); err != nil {
		return err
	}
	return k.keep(ctx)
}

// setKeep makes the API call keep after the cache has kept a list.
func (g *testAPI) setKeep(keep func(context.Context) error) { g.config.Lists = keepHook{g.lists, keep} }

func TestWrite_IsKeptAfterItIsInForceAndBeforeResponse(t *testing.T) {
	g := newTestAPI(t)
	var kept [][2]bool
	g.setKeep(func(context.Context) error {
		kept = append(kept, [2]bool{g.isListed("https://a.example"), g.isListed("https://c.example")})
		return nil
	})
	g.serve(func(h http.Handler) http.Handler { return h })
	id := g.create("n", "https://a.example").ID
	g.send(request{path: collection})
	if len(kept) > 0 {
		t.Error("a list was kept for a creation or a read")
	}
	for i, want := range [][2]bool{{false, true}, {false, false}} {
		if got := g.send(removalRequests(id)[i]); got.status != http.StatusNoContent || len(kept) != i+1 || kept[i] != want {
			t.Errorf("write %d: status %d, lists in force when kept %v, want %v", i, got.status, kept, want)
		}
	}
}

func TestWrite_Returns503IfNotKept(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n", "https://a.example").ID
	errKeeping := errors.New("the disk is read-only")
	var logged []error
	g.config.Log = func(_ context.Context, err error) { logged = append(logged, err) }
	g.setKeep(func(context.Context) error { return errKeeping })
	g.serve(func(h http.Handler) http.Handler { return h })
	for i, r := range removalRequests(id) {
		got := g.send(r)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Web-Integrations-Revision") != "" || got.header.Get("ETag") != "" {
			t.Errorf("write %d: status %d, headers %v: %s", i, got.status, got.header, got.body)
		}
		if detail := got.document(t).Errors[0].Detail; !strings.HasPrefix(detail, "The write was made and is in force at this gateway, ") {
			t.Errorf("write %d: detail %q", i, detail)
		}
		if len(logged) != i+1 || !errors.Is(logged[i], errKeeping) {
			t.Errorf("write %d: logged %v", i, logged)
		}
	}
	if g.isListed("https://a.example") {
		t.Error("the origin is listed, though the write is in force")
	}
}

// If a write was made and not kept, the client repeats it. The list must be kept
// before the response says that the web integration is gone or has changed.
func TestWrite_RepeatedReturns503UntilFirstIsKept(t *testing.T) {
	g := newTestAPI(t)
	var problem error
	g.config.Log = func(_ context.Context, err error) {
		if problem == nil || !errors.Is(err, problem) {
			t.Errorf("logged %v, want %v", err, problem)
		}
	}
	g.setKeep(func(context.Context) error { return problem })
	g.serve(func(h http.Handler) http.Handler { return h })
	changed := g.create("changed", "https://a.example").ID
	deleted := g.create("deleted", "https://b.example").ID
	conditional := removalRequests(changed)[0]
	conditional.header = map[string]string{"If-Match": `"999"`}
	for _, row := range []struct {
		rule string
		r    request
		want int
	}{
		{"deletion after a deletion", removalRequests(deleted)[1], http.StatusNotFound},
		{"change after a deletion", removalRequests(deleted)[0], http.StatusNotFound},
		{"change with another ETag", conditional, http.StatusPreconditionFailed},
	} {
		problem = errors.New("the disk is read-only")
		g.send(removalRequests(deleted)[1])
		got := g.send(row.r)
		if detail := got.document(t).Errors[0].Detail; got.status != http.StatusServiceUnavailable || !strings.HasPrefix(detail, "The write was not made, and ") {
			t.Errorf("%s: status %d, want 503; detail %q", row.rule, got.status, detail)
		}
		problem = nil
		if got := g.send(row.r); got.status != row.want {
			t.Errorf("%s, after it is kept: status %d, want %d", row.rule, got.status, row.want)
		}
	}
}

// A deletion of unknown outcome was made. The list is reloaded before it is kept.
func TestWrite_RepeatedReloadsListBeforeKeepingIt(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n", "https://a.example").ID
	g.isListed("https://a.example")
	g.store.delete = func(ctx context.Context, tenant, id string, permit func(store.WebIntegration) error) (uint64, error) {
		if _, err := g.store.Store.Delete(ctx, tenant, id, permit); err != nil {
			return 0, err
		}
		return 0, errInside
	}
	g.config.Log = func(context.Context, error) {}
	kept := false
	g.setKeep(func(context.Context) error {
		kept = !g.isListed("https://a.example")
		return nil
	})
	g.serve(func(h http.Handler) http.Handler { return h })
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusNotFound} {
		if got := g.send(removalRequests(id)[1]); got.status != want || kept != (want == http.StatusNotFound) {
			t.Errorf("status %d, kept without the origin: %v, want status %d", got.status, kept, want)
		}
	}
}
