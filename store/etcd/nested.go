package etcd

import (
	"context"
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

// checkNesting returns ErrNested if a store is at an outer or inner prefix. A user
// without permission to read outer prefixes cannot conflict with stores there.
func (s *Store) checkNesting(ctx context.Context) error {
	other, err := s.findStore(ctx, s.keys.Outer())
	if connection.Code(err) == codes.PermissionDenied {
		other, err = "", nil
	}
	if err == nil && other == "" {
		other, err = s.findInnerStore(ctx)
	}
	if err == nil && other != "" {
		return fmt.Errorf("%w: %s and %s", ErrNested, s.keys, other)
	}
	return err
}

// findInnerStore returns the prefix of a store whose keys are between this one's.
func (s *Store) findInnerStore(ctx context.Context) (prefix string, err error) {
	var ops []clientv3.Op
	for _, span := range s.keys.Spans() {
		ops = append(ops, span.Page(1))
	}
	response, err := s.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return "", err
	}
	var candidates []string
	for _, found := range rangesOf(response) {
		for _, kv := range found.Kvs {
			candidates = append(candidates, s.keys.Inner(string(kv.Key))...)
		}
	}
	return s.findStore(ctx, candidates)
}

// findStore returns the first prefix at which there is a store, or "".
func (s *Store) findStore(ctx context.Context, prefixes []string) (prefix string, err error) {
	if len(prefixes) == 0 {
		return "", nil
	}
	prefixes = prefixes[:min(len(prefixes), maxGets)]
	ops := make([]clientv3.Op, len(prefixes))
	for i, p := range prefixes {
		ops[i] = clientv3.OpGet(schema.Keys(p).Identity())
	}
	response, err := s.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return "", err
	}
	found := rangesOf(response)
	for i, p := range prefixes {
		if kv := found.first(i); kv != nil {
			if _, err := schema.DecodeIdentity(kv.Value); err == nil || errors.Is(err, store.ErrNewer) {
				return p, nil
			}
		}
	}
	return "", nil
}
