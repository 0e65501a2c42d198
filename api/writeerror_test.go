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
		rule   string
		err    error
		want   string
		doubts bool // the tenant's list
	}{
		{"no space", &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errInside}, "The write was not made: the store has no space left.", false},
		{"replaced", &store.WriteError{Cause: store.CauseReplaced, NotMade: true, Err: errInside}, "The write was not made: the store's file was removed or replaced.", false},
		{"unreachable before it was sent", &store.WriteError{Cause: store.CauseUnreachable, NotMade: true, Err: errInside}, "The write was not made: the store is unreachable.", false},
		{"unreachable afterwards", &store.WriteError{Cause: store.CauseUnreachable, Err: errInside}, "It is not known whether the write was made: the store is unreachable.", true},
		{"a disk that fails at the end", &store.WriteError{Cause: store.CauseDamaged, Err: errInside}, "It is not known whether the write was made: the store is damaged, or its disk fails.", true},
		{"what nobody classified", errInside, "It is not known whether the write was made: the store fails.", true},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g := newTestAPI(t)
			id := g.create("n", "https://a.example").ID
			g.isListed("https://a.example")
			g.config.Log = func(_ context.Context, err error) {
				if !errors.Is(err, errInside) {
					t.Errorf("logged is %v", err)
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
					t.Errorf("%s: %d %s", r.method, got.status, detail)
				}
			}
			if doubted := len(changed) > 0; doubted != row.doubts {
				t.Errorf("the list is read anew: %v", doubted)
			}
		})
	}
}
