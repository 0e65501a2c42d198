package lists_test

import (
	"originwarden/lists"
	"originwarden/lists/liststest"
	"testing"
	"testing/synctest"
	"time"
)

// A snapshot that could not be read at the start may be readable at the next
// one, and have what was revoked meanwhile.
func TestKeeper_FlushLeavesNothingThatWasNotRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		next := &house{path: h.path, at: h.at}
		next.Keeper.Disk, next.State = h.Disk, h.State
		next.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, nil)
		next.start(t)
		if err := next.revoke(t); err != nil { // of a tenant that is not cached
			t.Fatal(err)
		}
		wantRevoked(t, h.path)
	})
}
