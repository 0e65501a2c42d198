package auth

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// maxKeysAge is the age at which the keys are fetched again, and with that,
	// how long a key that the issuer withdrew is still accepted.
	maxKeysAge = 10 * time.Minute
	// minRefetchInterval is the shortest time between two fetches, whatever keys
	// tokens name.
	minRefetchInterval = time.Minute
	// minFirstFetchInterval is the shortest time between two fetches while there are
	// no keys.
	minFirstFetchInterval = 5 * time.Second
)

// keyring holds the issuer's keys. They are fetched when a token needs them and
// kept while the issuer is down. It may be used concurrently and runs nothing in
// the background. Of the requests that need no newer keys, only the one that
// fetches them is delayed: once in ten minutes, once a minute while that fails.
type keyring struct {
	issuer *issuer
	log    func(context.Context, error)
	held   atomic.Pointer[keys] // nil before the first

	fetching chan struct{} // a mutex that can be waited for with a context, for what is below
	tried    time.Time     // end of the last fetch
	failure  error         // of the last fetch
}

// VerifySignature implements oidc.KeySet by the keys that are held. There must
// be some.
func (k *keyring) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	header, err := parseTokenHeader(token)
	if err != nil {
		return nil, err
	}
	matching := oidc.StaticKeySet{PublicKeys: k.held.Load().matchingKeys(header)}
	return matching.VerifySignature(ctx, token)
}

// currentKeys returns the keys, and fetches them first if there are none or they
// are old. Old ones are returned while another request fetches. If there are none,
// it waits for that request if wait is set, and fails otherwise.
func (k *keyring) currentKeys(ctx context.Context, wait bool) (*keys, error) {
	held := k.held.Load()
	if held != nil && time.Since(held.at) < maxKeysAge {
		return held, nil
	}
	fetched, err := k.newerKeys(ctx, held, held == nil && wait)
	if held != nil && err != nil {
		return held, nil
	}
	return fetched, err
}

// newerKeys returns newer keys than old, or old if it is too early to fetch
// again. If another request is fetching, it waits for that one if wait is set, and
// fails otherwise.
func (k *keyring) newerKeys(ctx context.Context, old *keys, wait bool) (*keys, error) {
	if !wait {
		select {
		case k.fetching <- struct{}{}:
		default:
			return nil, fmt.Errorf("%w: another request is fetching them", ErrIssuerUnavailable)
		}
	} else {
		select {
		case k.fetching <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, ctx.Err())
		}
	}
	defer func() { <-k.fetching }()
	return k.refresh(ctx, old)
}

// refresh is newerKeys for the holder of fetching.
func (k *keyring) refresh(ctx context.Context, old *keys) (*keys, error) {
	held := k.held.Load()
	if held != old { // fetched while this request waited
		return held, nil
	}
	every := minRefetchInterval
	if held == nil {
		every = minFirstFetchInterval
	}
	if time.Since(k.tried) < every {
		return held, k.failure
	}
	return k.fetch(ctx, held)
}

func (k *keyring) fetch(ctx context.Context, held *keys) (*keys, error) {
	fetched, err := k.issuer.fetchKeys(ctx)
	k.tried, k.failure = time.Now(), nil
	if err != nil {
		k.failure = fmt.Errorf("%w: %w", ErrIssuerUnavailable, err)
		if k.log != nil {
			k.log(ctx, k.failure)
		}
		return nil, k.failure
	}
	if held == nil {
		k.tried = time.Time{} // a key that appears right after the first fetch is not delayed
	}
	fetched.inheritGrants(held)
	k.held.Store(fetched)
	return fetched, nil
}
