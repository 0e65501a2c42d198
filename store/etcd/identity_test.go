package etcd_test

import (
	"errors"
	"testing"

	"originwarden/store"
	"originwarden/store/etcd"
)

func TestIdentityGuard_HoldsAnAnswerAgainstWhatWasKnownWhenItWasAskedFor(t *testing.T) {
	at := func(id string, revision uint64) store.Position { return store.Position{Store: id, Revision: revision} }
	nothing := store.Position{}
	for name, c := range map[string]struct {
		known, knew, found, want store.Position
		reset                    bool
	}{
		"the first contact":                        {nothing, nothing, at("a", 5), at("a", 5), false},
		"a later revision":                         {at("a", 5), at("a", 5), at("a", 6), at("a", 6), false},
		"the same one":                             {at("a", 5), at("a", 5), at("a", 5), at("a", 5), false},
		"an older one":                             {at("a", 5), at("a", 5), at("a", 4), at("a", 5), true},
		"one that was overtaken":                   {at("a", 9), at("a", 5), at("a", 6), at("a", 9), false},
		"another store":                            {at("a", 5), at("a", 5), at("b", 6), at("a", 5), true},
		"no store":                                 {at("a", 5), at("a", 5), nothing, at("a", 5), true},
		"revisions without a store":                {nothing, nothing, at("", 5), nothing, true},
		"another store than somebody met first":    {at("a", 5), nothing, at("b", 6), at("a", 5), true},
		"the store that was left for another one":  {at("b", 1), at("a", 5), at("a", 6), at("b", 1), true},
		"the store that somebody else met as well": {at("a", 5), nothing, at("a", 4), at("a", 5), false},
	} {
		var g etcd.IdentityGuard
		g.Accept(c.known)
		err := g.Check(c.knew, c.found)
		if errors.Is(err, store.ErrReset) != c.reset || (err == nil) == c.reset || g.Position() != c.want {
			t.Errorf("%s: %v, and then %+v is known; want %+v", name, err, g.Position(), c.want)
		}
	}
}

func TestIdentityGuard_HoldsWhenTheStoreHasComeAsFarAgain(t *testing.T) {
	at := func(id string, revision uint64) store.Position { return store.Position{Store: id, Revision: revision} }
	var g etcd.IdentityGuard
	g.Accept(at("a", 5))
	if err := g.Check(at("a", 5), at("a", 3)); !errors.Is(err, store.ErrReset) {
		t.Fatal(err)
	}
	var reset *store.ResetError
	if err := g.Check(at("a", 5), at("a", 7)); !errors.As(err, &reset) || *reset != (store.ResetError{Known: at("a", 5), Found: at("a", 7)}) {
		t.Errorf("it went back to 3, and at 7 again it is met with %v", err)
	}
	g.Accept(at("b", 7))
	if err := g.Check(at("a", 5), at("a", 3)); !errors.Is(err, store.ErrReset) {
		t.Errorf("who asked before it was accepted met %v", err)
	}
	if err := g.Check(at("b", 7), at("b", 8)); err != nil {
		t.Errorf("it was accepted, and a response from before holds against it: %v", err)
	}
}
