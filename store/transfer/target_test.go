package transfer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"originwarden/store"
	"originwarden/store/transfer"
)

// applyStep applies one step.
func applyStep(t *testing.T, to *transfer.Store, action transfer.Action, was, is store.WebIntegration) error {
	t.Helper()
	refused, err := to.ApplyAll(t.Context(), []transfer.Step{{Action: action, Before: was, After: is, Problem: "a problem"}})
	return errors.Join(append(refused, err)...)
}

func TestStore_EnforcesLimits(t *testing.T) {
	s := openStore(t)
	s.Origins = 2
	w := newIntegration("acme", "n", "https://a.example", "https://b.example")
	create(t, s, w)
	more := w
	more.ValidOrigins = append(slices.Clone(w.ValidOrigins), "https://c.example")
	var tooMany *transfer.OriginsError
	if err := applyStep(t, s, transfer.Change, w, more); !errors.As(err, &tooMany) || tooMany.Max != 2 {
		t.Errorf("change beyond the limit: %v", err)
	}
	more.ID = store.NewID()
	if err := applyStep(t, s, transfer.Create, store.WebIntegration{}, more); !errors.As(err, &tooMany) {
		t.Errorf("creation beyond the limit: %v", err)
	}
	s.Origins = 1 // below the current number
	w.ValidOrigins[0] = "https://d.example"
	if err := applyStep(t, s, transfer.Change, w, w); err != nil {
		t.Errorf("change that adds no origin: %v", err)
	}
	other := newIntegration("globex", "n")
	other.ID = w.ID
	if err := applyStep(t, s, transfer.Create, store.WebIntegration{}, other); !errors.Is(err, store.ErrExists) {
		t.Errorf("creation with an id of another tenant: %v", err)
	}
	if err := applyStep(t, s, transfer.Change, other, other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("change of a missing web integration: %v", err)
	}
	if err := applyStep(t, s, transfer.Delete, other, store.WebIntegration{}); err != nil {
		t.Errorf("deletion of a missing web integration: %v", err)
	}
	if all := allIntegrations(t, s); len(all) != 1 || all[0].TenantID != "acme" {
		t.Errorf("store has %+v", all)
	}
}

func TestStore_AppliesChangeTwice(t *testing.T) {
	s := openStore(t)
	was := newIntegration("acme", "was")
	is := was
	is.Name = "is"
	create(t, s, was)
	if err := errors.Join(applyStep(t, s, transfer.Change, was, is), applyStep(t, s, transfer.Change, was, is)); err != nil {
		t.Fatal(err)
	}
	if all := allIntegrations(t, s); all[0].Name != "is" || revisionOf(t, s) != 2 {
		t.Errorf("store has %+v at revision %d", all, revisionOf(t, s))
	}
}

func TestStore_CallsTimeOut(t *testing.T) {
	s := openStore(t)
	s.Timeout = 1 // a nanosecond
	w := newIntegration("acme", "n")
	_, _, loadErr := s.Load(t.Context(), "acme")
	_, _, tenantsErr := s.Tenants(t.Context())
	_, applyErr := s.ApplyAll(t.Context(), []transfer.Step{{Action: transfer.Create, After: w}})
	for name, err := range map[string]error{"ApplyAll": applyErr, "Load": loadErr, "Tenants": tenantsErr} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want DeadlineExceeded", name, err)
		}
	}
}

func TestStore_RepeatsSteps(t *testing.T) {
	s := openStore(t)
	one, gone, is := newIntegration("acme", "one"), newIntegration("acme", "gone"), newIntegration("acme", "is", "https://a.example")
	create(t, s, one, gone)
	changed := one
	changed.Name = "changed"
	steps := []transfer.Step{
		{Action: transfer.Create, After: is},
		{Action: transfer.Change, Before: one, After: changed},
		{Action: transfer.Delete, Before: gone},
		{Action: transfer.Ambiguous, After: newIntegration("acme", "unclear"), Problem: "a problem"},
		{Action: transfer.Keep, Before: changed, After: changed},
	}
	for range 2 {
		refused, err := s.ApplyAll(t.Context(), steps)
		var ambiguous *transfer.AmbiguousError
		if err != nil || len(refused) != len(steps) || !errors.As(refused[3], &ambiguous) || errors.Join(slices.Delete(refused, 3, 4)...) != nil {
			t.Errorf("refused %v, error %v", refused, err)
		}
		if all := allIntegrations(t, s); len(all) != 2 || revisionOf(t, s) != 5 {
			t.Errorf("store has %+v at revision %d", all, revisionOf(t, s))
		}
	}
}
