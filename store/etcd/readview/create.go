package readview

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/schema"
)

// ErrNested reports that a store cannot be created, since its keys would lie
// within another store's, or the other store's within its own.
var ErrNested = errors.New("etcd: one store's prefix lies within another's")

// Create creates the store, unless another process does, or ErrNested forbids
// it.
func (r *Reader) Create(ctx context.Context) error {
	if err := r.checkNesting(ctx); err != nil {
		return err
	}
	return r.PutIdentity(ctx, clientv3.Compare(clientv3.CreateRevision(r.Keys.Identity()), "=", 0))
}

// PutIdentity gives the store a new identity, on a condition. After it returns
// nil, the condition no longer holds.
func (r *Reader) PutIdentity(ctx context.Context, condition clientv3.Cmp) error {
	put := clientv3.OpPut(r.Keys.Identity(), schema.EncodeIdentity(rand.Text()))
	_, err := r.send(ctx, connection.Request{If: []clientv3.Cmp{condition}, Then: []clientv3.Op{put}})
	return err
}

const maxPrefixes = 100 // in one request; etcd permits 128 operations

// checkNesting returns ErrNested if a store is at an outer or inner prefix. A user
// without permission to read outer prefixes cannot conflict with stores there.
func (r *Reader) checkNesting(ctx context.Context) error {
	other, err := r.findStore(ctx, r.Keys.Outer())
	if connection.Code(err) == codes.PermissionDenied {
		other, err = "", nil
	}
	if err == nil && other == "" {
		other, err = r.findInnerStore(ctx)
	}
	if err == nil && other != "" {
		return fmt.Errorf("%w: %s and %s", ErrNested, r.Keys, other)
	}
	return err
}

// findInnerStore returns the prefix of a store whose keys are between this one's.
func (r *Reader) findInnerStore(ctx context.Context) (prefix string, err error) {
	var ops []clientv3.Op
	for _, span := range r.Keys.Spans() {
		ops = append(ops, span.Page(1))
	}
	response, err := r.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return "", err
	}
	var candidates []string
	for _, found := range RangesOf(response) {
		for _, kv := range found.Kvs {
			candidates = append(candidates, r.Keys.Inner(string(kv.Key))...)
		}
	}
	return r.findStore(ctx, candidates)
}

// findStore returns the first prefix at which there is a store, or "".
func (r *Reader) findStore(ctx context.Context, prefixes []string) (prefix string, err error) {
	if len(prefixes) == 0 {
		return "", nil
	}
	prefixes = prefixes[:min(len(prefixes), maxPrefixes)]
	ops := make([]clientv3.Op, len(prefixes))
	for i, p := range prefixes {
		ops[i] = clientv3.OpGet(schema.Keys(p).Identity())
	}
	response, err := r.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return "", err
	}
	found := RangesOf(response)
	for i, p := range prefixes {
		if kv := found.First(i); kv != nil {
			if _, err := schema.DecodeIdentity(kv.Value); err == nil || errors.Is(err, store.ErrNewer) {
				return p, nil
			}
		}
	}
	return "", nil
}
