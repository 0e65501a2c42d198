package auth

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// keysAge is how old keys become before newer ones are asked for, and with
	// that, how long one that the issuer withdrew still counts.
	keysAge = 10 * time.Minute
	// newKeysEvery is how often keys are fetched at most, whatever tokens name.
	newKeysEvery = time.Minute
	// firstKeysEvery is the same as long as there are none.
	firstKeysEvery = 5 * time.Second
)

// keyring has the issuer's keys, fetched when a token needs them and kept while
// the issuer is down. It may be used concurrently and runs nothing in the
// background. Who needs no new keys waits for none, but for the one request that
// fetches when they are old: once in ten minutes, once a minute while it fails.
type keyring struct {
	issuer *issuer
	log    func(context.Context, error)
	held   atomic.Pointer[keys]

	// turn is full while somebody fetches. Below: for whoever has the turn.
	turn    chan struct{}
	tried   time.Time // when the last fetch that counts had ended
	failure error     // of the last fetch
}

func newKeyring(i *issuer, log func(context.Context, error)) *keyring {
	return &keyring{issuer: i, log: log, turn: make(chan struct{}, 1)}
}

// had returns the keys that are there, or nil.
func (k *keyring) had() *keys { return k.held.Load() }

// current returns the keys, fetched first if there are none. If they are old,
// the first who comes fetches, and all others go on with those there are.
func (k *keyring) current(ctx context.Context, waits bool) (*keys, error) {
	held := k.had()
	if held == nil {
		return k.newer(ctx, nil, waits)
	}
	if time.Since(held.at) < keysAge {
		return held, nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
		if fetched, err := k.refresh(ctx, held); err == nil {
			return fetched, nil
		}
	default:
	}
	return held, nil
}

// newer returns newer keys than those there were, or the same when it is too
// early to ask again. It waits for a fetch that is under way, or fails unless it
// waits.
func (k *keyring) newer(ctx context.Context, was *keys, waits bool) (*keys, error) {
	if !waits {
		return k.newerAtOnce(ctx, was)
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
		return k.refresh(ctx, was)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, ctx.Err())
	}
}

// newerAtOnce is newer for who does not wait for others.
func (k *keyring) newerAtOnce(ctx context.Context, was *keys) (*keys, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
		return k.refresh(ctx, was)
	default:
		return nil, fmt.Errorf("%w: somebody else does", ErrIssuerUnavailable)
	}
}

// refresh is newer for who has the turn.
func (k *keyring) refresh(ctx context.Context, was *keys) (*keys, error) {
	held := k.had()
	if held != was { // fetched while this one waited
		return held, nil
	}
	every := newKeysEvery
	if held == nil {
		every = firstKeysEvery
	}
	if time.Since(k.tried) < every {
		return held, k.failure
	}
	return k.fetch(ctx, held)
}

func (k *keyring) fetch(ctx context.Context, held *keys) (*keys, error) {
	fetched, err := k.issuer.keys(ctx)
	k.tried, k.failure = time.Now(), nil
	if err != nil {
		k.failure = fmt.Errorf("%w: %w", ErrIssuerUnavailable, err)
		if k.log != nil {
			k.log(ctx, k.failure)
		}
		return nil, k.failure
	}
	if held == nil {
		k.tried = time.Time{} // the first unknown key is not to wait for the first fetch
	}
	fetched.inherit(held)
	k.held.Store(fetched)
	return fetched, nil
}
