package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"originwarden/store"
)

func TestWrite_ErrorSaysWhetherWriteWasMade(t *testing.T) {
	for _, row := range []struct {
		rule    string
		err     error
		want    string
		reloads bool // whether the tenant's list is invalid
	}{
		{"no space", &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errInside}, "The write was not made: the store has no space left.", false},
		{"store replaced", &store.WriteError{Cause: store.CauseReplaced, NotMade: true, Err: errInside}, "The write was not made: the store's file was removed or replaced.", false},
		{"unreachable before sending", &store.WriteError{Cause: store.CauseUnreachable, NotMade: true, Err: errInside}, "The write was not made: the store is unreachable.", false},
		{"unreachable after sending", &store.WriteError{Cause: store.CauseUnreachable, Err: errInside}, "It is not known whether the write was made: the store is unreachable.", true},
		{"disk failure at commit", &store.WriteError{Cause: store.CauseDamaged, Err: errInside}, "It is not known whether the write was made: the store is damaged, or its disk fails.", true},
		{"unclassified error", errInside, "It is not known whether the write was made: the store fails.", true},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g := newTestAPI(t)
			id := g.create("n", "https://a.example").ID
			g.isListed("https://a.example")
			g.config.Log = func(_ context.Context, err error) {
				if !errors.Is(err, errInside) {
					t.Errorf("logged %v, want %v", err, errInside)
				}
			}
			g.store.create = func(context.Context, store.WebIntegration) (store.WebIntegration, error) {
				return store.WebIntegration{}, row.err
			}
			g.store.delete = func(context.Context, string, string, func(store.WebIntegration) error) (uint64, error) {
				return 0, row.err
			}
			changed := make(chan string, 10)
			g.lists.Subscribe(func(tenant string) { changed <- tenant })
			g.serve(func(h http.Handler) http.Handler { return h })
			for _, r := range []request{{method: "POST", path: collection, body: `{"name":"n"}`}, {method: "DELETE", path: collection + "/" + id}} {
				got := g.send(r)
				if detail := got.document(t).Errors[0].Detail; got.status != 503 || detail != row.want {
					t.Errorf("%s: status %d, detail %q, want 503, %q", r.method, got.status, detail, row.want)
				}
			}
			if reloaded := len(changed) > 0; reloaded != row.reloads {
				t.Errorf("list is invalidated: %v, want %v", reloaded, row.reloads)
			}
		})
	}
}
