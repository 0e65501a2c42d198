// Package fleettest tests a store.Fleet against its contract.
package fleettest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/storetest"
)

// Fleet is a store under test.
type Fleet interface {
	store.Store
	store.Fleet
}

// Run runs the suite. Every Fleet must pass it, also under the race detector. The
// stores that open returns are Fleets.
func Run(t *testing.T, open storetest.Open) {
	for name, test := range map[string]func(*subject){
		"EmptyFleet":              emptyFleet,
		"KeepsEveryField":         keepsEveryField,
		"ReplacesHeartbeat":       replacesHeartbeat,
		"RepeatsHeartbeat":        repeatsHeartbeat,
		"SortsByHostThenName":     sortsByHostThenName,
		"KeepsUnusualNames":       keepsUnusualNames,
		"SurvivesReopen":          survivesReopen,
		"RemovesGatewayThatLeft":  removesGatewayThatLeft,
		"ChangesNoRevisionOrFeed": changesNoRevisionOrFeed,
		"EndsWithContext":         endsWithContext,
	} {
		t.Run(name, func(t *testing.T) {
			s, reopen := open(t, store.Limits{Integrations: 10, Origins: 10})
			test(&subject{t, s.(Fleet), func() Fleet { return reopen(t).(Fleet) }})
		})
	}
}

type subject struct {
	*testing.T
	Fleet
	reopen func() Fleet
}

func newHeartbeat(gateway, host string) store.Heartbeat {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return store.Heartbeat{
		Gateway: gateway, Host: host, Version: "1.2.3", Started: now.Add(-time.Hour),
		Beat: now, InForce: 7, Confirmed: now.Add(-time.Second),
	}
}

func (s *subject) beat(all ...store.Heartbeat) {
	s.Helper()
	for _, h := range all {
		if err := s.Beat(s.Context(), h); err != nil {
			s.Fatalf("Beat(%+v): %v", h, err)
		}
	}
}

// wantGateways compares all heartbeats. The times may differ as much as the contract
// permits.
func (s *subject) wantGateways(want ...store.Heartbeat) {
	s.Helper()
	got, err := s.Gateways(s.Context())
	if err != nil {
		s.Fatalf("Gateways: %v", err)
	}
	got, want = slices.Clone(got), slices.Clone(want)
	for i := range min(len(got), len(want)) {
		if isNear(got[i].Beat, want[i].Beat, 10*time.Second) {
			got[i].Beat = want[i].Beat
		}
		if isNear(got[i].Confirmed, want[i].Confirmed, 15*time.Second) && want[i].RecentlyConfirmed() {
			got[i].Confirmed = want[i].Confirmed
		}
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		s.Errorf("the gateways are\n%+v, want\n%+v", got, want)
	}
}

func isNear(a, b time.Time, within time.Duration) bool { return a.Sub(b).Abs() < within }

func emptyFleet(s *subject) { s.wantGateways() }

func keepsEveryField(s *subject) {
	h := newHeartbeat("a", "host-1")
	h.Problems = []string{"no writes: the store is read-only", "<b>&\x00\u2028"}
	h.Confirmed = h.Beat.Add(-20 * time.Minute) // kept as it is
	never := newHeartbeat("b", "host-2")
	never.InForce, never.Confirmed = 0, time.Time{}
	s.beat(h, never)
	s.wantGateways(h, never)
}

func replacesHeartbeat(s *subject) {
	h := newHeartbeat("a", "host-1")
	for _, change := range []func(*store.Heartbeat){
		func(h *store.Heartbeat) { h.InForce++ },
		func(h *store.Heartbeat) { h.Problems = []string{"the store is unreachable"} },
		func(h *store.Heartbeat) { h.Problems = []string{"stopping"} },
		func(h *store.Heartbeat) { h.Problems = nil },
		func(h *store.Heartbeat) { h.Confirmed = h.Beat.Add(-time.Minute) },
		func(h *store.Heartbeat) { h.Confirmed = h.Beat.Add(-2 * time.Minute) },
		func(h *store.Heartbeat) { h.Confirmed = time.Time{} },
		func(h *store.Heartbeat) { h.Confirmed = h.Beat },
		func(h *store.Heartbeat) { h.Version, h.Host = "1.2.4", "host-2" },
		func(h *store.Heartbeat) { h.Started = h.Beat },
	} {
		s.beat(h)
		change(&h)
		s.beat(h)
		s.wantGateways(h)
	}
}

func repeatsHeartbeat(s *subject) {
	h := newHeartbeat("a", "host-1")
	for range 3 {
		s.beat(h)
		h.Beat, h.Confirmed = h.Beat.Add(time.Second), h.Confirmed.Add(time.Second)
	}
	s.wantGateways(h)
}

func sortsByHostThenName(s *subject) {
	a, b, c := newHeartbeat("z", "host-1"), newHeartbeat("a", "host-2"), newHeartbeat("b", "host-2")
	s.beat(c, a, b)
	s.wantGateways(a, b, c)
}

func keepsUnusualNames(s *subject) {
	var all []store.Heartbeat
	for _, name := range []string{"../a", "a/b", "identity", "ü 😀", "head"} {
		all = append(all, newHeartbeat(name, name))
	}
	slices.SortFunc(all, store.CompareHeartbeats)
	s.beat(all...)
	s.wantGateways(all...)
}

func survivesReopen(s *subject) {
	h := newHeartbeat("a", "host-1")
	s.beat(h)
	s.Fleet = s.reopen()
	s.wantGateways(h)
}

func removesGatewayThatLeft(s *subject) {
	a, b := newHeartbeat("a", "host-1"), newHeartbeat("b", "host-1")
	s.beat(a, b)
	for _, name := range []string{"a", "a", "never there"} {
		if err := s.Leave(s.Context(), name); err != nil {
			s.Errorf("Leave(%q): %v", name, err)
		}
	}
	s.wantGateways(b)
	s.beat(a)
	s.wantGateways(a, b)
}

func changesNoRevisionOrFeed(s *subject) {
	create := func(name string) store.WebIntegration {
		w, err := s.Create(s.Context(), store.WebIntegration{ID: store.NewID(), TenantID: "acme", Name: name, ValidOrigins: []string{"https://a.example"}})
		if err != nil {
			s.Fatalf("Create: %v", err)
		}
		return w
	}
	first := create("one")
	before := s.contents()
	h := newHeartbeat("a", "host-1")
	s.beat(h, newHeartbeat("b", "host-1"))
	h.InForce++
	s.beat(h)
	if err := s.Leave(s.Context(), "b"); err != nil {
		s.Fatal(err)
	}
	if after := s.contents(); !reflect.DeepEqual(before, after) {
		s.Errorf("heartbeats changed the store from\n%v to\n%v", before, after)
	}
	second := create("two")
	ctx, stop := context.WithCancel(s.Context())
	defer stop()
	calls := 0
	err := s.Watch(ctx, first.Revision, func(changes []origins.Change) {
		calls++
		if len(changes) != 1 || changes[0].ID != second.ID {
			s.Errorf("the feed has %v, want the second creation alone", changes)
		}
		stop()
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		s.Errorf("Watch called %d times, error %v", calls, err)
	}
}

// contents returns what the calls of a Store return.
func (s *subject) contents() []any {
	s.Helper()
	at, tenants, err := s.Tenants(s.Context())
	revision, all, loadErr := s.Load(s.Context(), "acme")
	position, positionErr := s.Position(s.Context())
	if err := errors.Join(err, loadErr, positionErr); err != nil {
		s.Fatal(err)
	}
	return []any{at, tenants, revision, all, position}
}

func endsWithContext(s *subject) {
	h := newHeartbeat("a", "host-1")
	s.beat(h)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Gateways(ctx)
	for name, err := range map[string]error{
		"Beat": s.Beat(ctx, newHeartbeat("b", "host-1")), "Leave": s.Leave(ctx, "a"), "Gateways": err,
	} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("%s: error %v, want that of the context", name, err)
		}
	}
	s.wantGateways(h)
}
