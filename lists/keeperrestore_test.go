package lists_test

import (
	"originwarden/lists"
	"originwarden/lists/liststest"
	"testing"
	"testing/synctest"
	"time"
)

// A snapshot that could not be read at this start may be readable at the next,
// and list what was revoked meanwhile.
func TestKeeper_FlushInvalidatesSnapshotThatWasNotRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		next := &keeperHarness{path: h.path, at: h.at}
		next.Keeper.Disk, next.State = h.Disk, h.State
		next.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, nil)
		next.start(t)
		if err := next.revoke(t); err != nil { // the tenant is not cached
			t.Fatal(err)
		}
		wantRevoked(t, h.path)
	})
}
