package store

import (
	"context"
	"errors"
)

// Accept takes a store that was reset as it is: every list that came from the
// one before is dropped, and loaded from what is there when it is asked for. A
// store that was not reset stays as it is.
func (f *Follower) Accept(ctx context.Context) (Position, error) {
	at, err := f.position(ctx)
	if errors.Is(err, ErrReset) {
		at, err = f.take(ctx)
	}
	if err != nil {
		return Position{}, err
	}
	f.tryNow()
	return at, nil
}

func (f *Follower) take(ctx context.Context) (Position, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	at, err := f.Store.Accept(ctx)
	if err != nil {
		return at, err
	}
	f.forget(at)
	f.report(ResetTaken, nil)
	return at, nil
}

// forget drops what came from another store than that which is at this position,
// and ends the feed of that one.
func (f *Follower) forget(at Position) {
	f.applying.Lock()
	defer f.applying.Unlock()
	f.mu.Lock()
	f.progress = progress{fed: Position{Store: at.Store}, taken: f.taken + 1, seen: f.seen}
	f.state.Reset, f.state.InForce, f.state.Newest = nil, Position{}, at.Revision
	f.trouble = ""
	if f.end != nil {
		f.end(errTaken)
	}
	f.mu.Unlock()
	f.Lists.Clear()
}

func (f *Follower) retries() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.retrying()
}

// tryNow ends the waiting for a next attempt.
func (f *Follower) tryNow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.retrying() <- struct{}{}:
	default:
	}
}

// retrying is called with mu held.
func (f *Follower) retrying() chan struct{} {
	if f.retry == nil {
		f.retry = make(chan struct{}, 1)
	}
	return f.retry
}
