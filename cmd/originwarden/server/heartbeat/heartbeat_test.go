package heartbeat_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/cmd/originwarden/server/heartbeat"
	"originwarden/cmd/originwarden/server/readiness"
	"originwarden/cmd/originwarden/server/upstreams"
	"originwarden/lists"
	"originwarden/store"
)

// fleet keeps what a gateway writes.
type fleet struct {
	mu    sync.Mutex // held to change what a Beater uses while it runs
	beats []store.Heartbeat
	left  []string
	err   error
}

func (f *fleet) Beat(ctx context.Context, h store.Heartbeat) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("the call is not limited")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats = append(f.beats, h)
	return f.err
}

func (f *fleet) Gateways(context.Context) ([]store.Heartbeat, error) { return f.beats, nil }

func (f *fleet) Leave(ctx context.Context, gateway string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() == nil {
		f.left = append(f.left, gateway)
	}
	return nil
}

func TestBeater_ReportsWhatReadinessKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		state := lists.State{Loaded: true, Up: true, InForce: store.Position{Store: "one", Revision: 7}, Confirmed: time.Now()}
		ready := &readiness.State{
			Lists: func() lists.State {
				f.mu.Lock()
				defer f.mu.Unlock()
				return state
			},
			Writes:    func() store.WriteStatus { return store.WriteStatus{} },
			Upstreams: func() []upstreams.Status { return nil },
		}
		ready.SetServing()
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		b := heartbeat.Beater{Fleet: f, State: ready, Version: "1.2.3", Timeout: time.Second}
		ended := make(chan struct{})
		go func() { b.Run(ctx); close(ended) }()
		want := func(rule string, beats int, after time.Duration, revision uint64, problems ...string) {
			t.Helper()
			time.Sleep(time.Until(began.Add(after + time.Second)))
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.beats) != beats {
				t.Fatalf("%s: %d heartbeats, want %d", rule, len(f.beats), beats)
			}
			h := f.beats[beats-1]
			if !h.Beat.Equal(began.Add(after)) || h.InForce != revision || !h.Confirmed.Equal(state.Confirmed) || !slices.Equal(h.Problems, problems) {
				t.Errorf("%s: %+v, want one at %v with revision %d and problems %q", rule, h, began.Add(after), revision, problems)
			}
		}
		want("at once", 1, 0, 7)
		change := func(change func()) {
			f.mu.Lock()
			defer f.mu.Unlock()
			change()
		}
		change(func() { state.InForce.Revision, state.Confirmed = 8, time.Now() })
		want("another revision", 2, store.BeatInterval, 8)
		change(func() { state.Up = false })
		want("store unreachable", 3, 2*store.BeatInterval, 8, "the store is unreachable")
		ready.SetStopping()
		want("stopping", 4, 3*store.BeatInterval, 8, "stopping")
		h, host := f.beats[0], hostname(t)
		for _, other := range f.beats {
			if other.Gateway != h.Gateway || other.Host != host || other.Version != "1.2.3" || !other.Started.Equal(began) {
				t.Errorf("heartbeats %+v and %+v are not of one gateway at %q", h, other, host)
			}
		}
		stop()
		<-ended
		if !slices.Equal(f.left, []string{h.Gateway}) {
			t.Errorf("%q left, want %q", f.left, h.Gateway)
		}
	})
}

func hostname(t *testing.T) string {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A gateway that cannot reach its store does not wait for it at its end.
func TestBeater_DoesNotLeaveWithoutHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := &readiness.State{Lists: func() lists.State { return lists.State{} }}
		f := &fleet{err: errors.New("no route")}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		b := heartbeat.Beater{Fleet: f, State: ready, Timeout: time.Second}
		b.Run(ctx)
		if len(f.beats) != 2 || f.left != nil {
			t.Errorf("%d heartbeats, %q left; want 2 attempts and none", len(f.beats), f.left)
		}
	})
}

// A heartbeat that was written is removed at the end, also if later ones failed.
func TestBeater_LeavesAfterFailedHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := store.WriteStatus{Problem: &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errors.New("12345 bytes are in use")}}
		ready := &readiness.State{
			Lists:  func() lists.State { return lists.State{Loaded: true, Up: true} },
			Writes: func() store.WriteStatus { return full },
		}
		ready.SetServing()
		f := &fleet{}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		time.AfterFunc(5*time.Second, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.err = full.Problem
		})
		b := heartbeat.Beater{Fleet: f, State: ready, Timeout: time.Second}
		b.Run(ctx)
		if len(f.beats) != 2 || !slices.Equal(f.left, []string{f.beats[0].Gateway}) {
			t.Errorf("%d heartbeats, %q left; want 2 attempts, and the gateway's name", len(f.beats), f.left)
		}
		// Sizes change at every try, and each change of a heartbeat takes up space.
		if got, want := f.beats[1].Problems, []string{"no writes: the store has no space left"}; !slices.Equal(got, want) {
			t.Errorf("problems %q, want %q", got, want)
		}
	})
}
