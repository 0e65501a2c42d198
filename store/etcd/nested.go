package etcd

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
)

// ErrNested says that a store cannot be made where the options say, since its
// keys would be among another store's, or the other way round.
var ErrNested = errors.New("etcd: one store's prefix lies within another's")

// alone returns an error if there is a store around this one or within it. Where
// the user may not read around, etcd keeps the stores apart.
func (s *Store) alone(ctx context.Context) error {
	around, err := s.identified(ctx, s.keys.around())
	if code(err) == codes.PermissionDenied {
		around, err = "", nil
	}
	within := ""
	if err == nil && around == "" {
		within, err = s.within(ctx)
	}
	if other := around + within; err == nil && other != "" {
		return fmt.Errorf("%w: %s and %s", ErrNested, s.keys, other)
	}
	return err
}

// within looks for a store whose keys are between this one's, or where this one's
// will be.
func (s *Store) within(ctx context.Context) (prefix string, err error) {
	var ops []clientv3.Op
	for _, part := range s.keys.parts() {
		ops = append(ops, part.page(1, clientv3.WithKeysOnly()))
	}
	got, err := s.ask(ctx, request{then: ops})
	if err != nil {
		return "", err
	}
	var candidates []string
	for _, found := range ranges(got) {
		for _, kv := range found.Kvs {
			candidates = append(candidates, s.keys.below(string(kv.Key))...)
		}
	}
	return s.identified(ctx, candidates)
}

// identified returns the first of the prefixes that is a store's.
func (s *Store) identified(ctx context.Context, prefixes []string) (prefix string, err error) {
	if len(prefixes) == 0 {
		return "", nil
	}
	prefixes = prefixes[:min(len(prefixes), mostGets)]
	ops := make([]clientv3.Op, len(prefixes))
	for i, p := range prefixes {
		ops[i] = clientv3.OpGet(layout(p).identity())
	}
	got, err := s.ask(ctx, request{then: ops})
	if err != nil {
		return "", err
	}
	for i, found := range ranges(got) {
		if len(found.Kvs) == 0 {
			continue
		}
		if _, err := decodeIdentity(found.Kvs[0].Value); err == nil {
			return prefixes[i], nil
		}
	}
	return "", nil
}

// around are the prefixes that this one begins with, but for a slash alone,
// which is none.
func (l layout) around() (all []string) {
	for i, c := range l[:len(l)-1] {
		if c == '/' && i > 0 {
			all = append(all, string(l[:i+1]))
		}
	}
	return all
}

// below are the prefixes within this one that a key begins with.
func (l layout) below(key string) (all []string) {
	for i := len(l); i < len(key); i++ {
		if key[i] == '/' {
			all = append(all, key[:i+1])
		}
	}
	return all
}

// parts are the spans under the prefix, of which a store has keys in every
// second one.
func (l layout) parts() (all []span) {
	from := string(l)
	for _, own := range []string{"a/", "d/", "head", "i/", "identity", "t/", "u/", "w/"} {
		to := clientv3.GetPrefixRangeEnd(string(l) + own)
		all = append(all, span{from: from, to: string(l) + own}, span{from: string(l) + own, to: to})
		from = to
	}
	return append(all, span{from: from, to: clientv3.GetPrefixRangeEnd(string(l))})
}
