package identity_test

import (
	"errors"
	"testing"

	"originwarden/store"
	"originwarden/store/etcd/identity"
)

func TestGuard_ComparesWithPositionKnownAtRequest(t *testing.T) {
	at := func(id string, revision uint64) store.Position { return store.Position{Store: id, Revision: revision} }
	nothing := store.Position{}
	for name, c := range map[string]struct {
		known, atRequest, found, want store.Position
		reset                         bool
	}{
		"first response":                {nothing, nothing, at("a", 5), at("a", 5), false},
		"later revision":                {at("a", 5), at("a", 5), at("a", 6), at("a", 6), false},
		"same position":                 {at("a", 5), at("a", 5), at("a", 5), at("a", 5), false},
		"older revision":                {at("a", 5), at("a", 5), at("a", 4), at("a", 5), true},
		"overtaken by a later response": {at("a", 9), at("a", 5), at("a", 6), at("a", 9), false},
		"another store":                 {at("a", 5), at("a", 5), at("b", 6), at("a", 5), true},
		"empty store":                   {at("a", 5), at("a", 5), nothing, at("a", 5), true},
		"revision without an identity":  {nothing, nothing, at("", 5), nothing, true},
		"another store than a concurrent first response": {at("a", 5), nothing, at("b", 6), at("a", 5), true},
		"previous store after a reset was accepted":      {at("b", 1), at("a", 5), at("a", 6), at("b", 1), true},
		"same store as a concurrent first response":      {at("a", 5), nothing, at("a", 4), at("a", 5), false},
	} {
		var g identity.Guard
		g.Accept(c.known)
		err := g.Check(c.atRequest, c.found)
		known, _ := g.Position()
		if errors.Is(err, store.ErrReset) != c.reset || (err == nil) == c.reset || known != c.want {
			t.Errorf("%s: error %v, known position %+v; want %+v", name, err, known, c.want)
		}
	}
}

func TestGuard_StaysResetUntilAccepted(t *testing.T) {
	at := func(id string, revision uint64) store.Position { return store.Position{Store: id, Revision: revision} }
	var g identity.Guard
	g.Accept(at("a", 5))
	if err := g.Check(at("a", 5), at("a", 3)); !errors.Is(err, store.ErrReset) {
		t.Fatal(err)
	}
	var reset *store.ResetError
	if err := g.Check(at("a", 5), at("a", 7)); !errors.As(err, &reset) || *reset != (store.ResetError{Known: at("a", 5), Found: at("a", 7)}) {
		t.Errorf("after a rollback to 3, at 7: error %v, want a ResetError", err)
	}
	g.Accept(at("b", 7))
	if err := g.Check(at("a", 5), at("a", 3)); !errors.Is(err, store.ErrReset) {
		t.Errorf("response to a request from before it was accepted: error %v, want ErrReset", err)
	}
	if err := g.Check(at("b", 7), at("b", 8)); err != nil {
		t.Errorf("after it was accepted: %v", err)
	}
}
