package forms_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/console/forms"
)

func TestSlots_BoundFormsTogetherAndOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := forms.NewSlots(3, 2)
		releases := map[string]func(){}
		for _, row := range []struct {
			rule, release, client string
			ok                    bool
			waited                time.Duration
		}{
			{"the first of a network", "", "192.0.2.1", true, 0},
			{"the last of a network", "", "192.0.2.1", true, 0},
			{"one too many of a network", "", "192.0.2.1", false, 0},
			{"another network", "", "2001:db8::1", true, 0},
			{"one too many together", "", "192.0.2.2", false, time.Second},
			{"after a release", "192.0.2.1", "2001:db8::2", true, 0},
			{"a network is a /64 of IPv6", "192.0.2.1", "2001:db8::3", false, 0},
			{"a slot that was released", "", "192.0.2.2", true, 0},
		} {
			if row.release != "" {
				releases[row.release]()
			}
			before := time.Now()
			release, ok := s.Acquire(t.Context(), netip.MustParseAddr(row.client))
			if waited := time.Since(before); ok != row.ok || waited != row.waited {
				t.Errorf("%s: %t after %v, want %t after %v", row.rule, ok, waited, row.ok, row.waited)
			}
			if ok {
				releases[row.client] = release
			}
		}
	})
}
