package cli

import (
	"errors"
	"testing"

	"originwarden/lists"
	"originwarden/store"
)

func TestReadiness_TellsThatTheListsAreNotKeptOnDisk(t *testing.T) {
	state := lists.State{Loaded: true, InForce: store.Position{Store: "one", Revision: 7}, Up: true}
	r := newReadiness(func() lists.State { return state }, func() store.WriteStatus { return store.WriteStatus{} }, func() []upstreamDocument { return nil })
	r.set("")
	expect := func(when, want string) {
		t.Helper()
		if d := r.document(); d.Problem != want || !d.Ready {
			t.Errorf("%s: ready %t, the problem is %q, want %q", when, d.Ready, d.Problem, want)
		}
	}
	expect("at first", "")
	state.NotKept = errors.New("no space left on device")
	expect("when the disk is full", "the lists could not be kept on disk: no space left on device")
	state.Up = false
	expect("when the store is away besides", "the store does not answer; the lists could not be kept on disk: no space left on device")
}
