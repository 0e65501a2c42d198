package main

import (
	"errors"
	"testing"

	"originwarden/store"
)

func TestReadiness_TellsThatTheListsAreNotKeptOnDisk(t *testing.T) {
	state := store.State{InForce: store.Position{Store: "one", Revision: 7}, Up: true}
	r := newReadiness(func() store.State { return state }, func() store.Writes { return store.Writes{} }, func() []upstreamDocument { return nil })
	var err error
	r.keeping = func() error { return err }
	r.set("")
	r.loaded()
	expect := func(when, want string) {
		t.Helper()
		if d := r.document(); d.Problem != want || !d.Ready {
			t.Errorf("%s: ready %t, the problem is %q, want %q", when, d.Ready, d.Problem, want)
		}
	}
	expect("at first", "")
	err = errors.New("no space left on device")
	expect("when the disk is full", "the lists could not be kept on disk: no space left on device")
	state.Up = false
	expect("when the store is away besides", "the store does not answer; the lists could not be kept on disk: no space left on device")
}
