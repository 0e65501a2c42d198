package store

import "context"

// Await returns when the revision is in force, or ctx has ended.
func (f *Follower) Await(ctx context.Context, revision uint64) error {
	return f.await(ctx, func() bool { return f.state.InForce.Revision >= revision })
}
