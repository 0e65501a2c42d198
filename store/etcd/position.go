package etcd

import (
	"context"
	"crypto/rand"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// moment is one revision of etcd, and where the store was at it.
type moment struct {
	store.Position
	etcd      int64        // the revision of everything there is
	identity  string       // as it is kept; "" if there is none
	write     string       // the id of the last write
	head      uint64       // the revision of the last write
	none      int64        // since when nothing is withdrawn; 0 if something is, or there is no pool
	withdrawn *withdrawals // nil if nothing is
}

// answer is what one read was answered, in the order of its operations.
type answer []*etcdserverpb.RangeResponse

// only returns the one key of an operation that asked for one; nil if it is not
// there.
func (a answer) only(i int) *mvccpb.KeyValue {
	if kvs := a[i].Kvs; len(kvs) > 0 {
		return kvs[0]
	}
	return nil
}

// read runs reading operations at one moment, now, of the store that is known.
// The first contact makes the store, unless it must exist.
func (s *Store) read(ctx context.Context, ops ...clientv3.Op) (moment, answer, error) {
	for {
		knew := s.bond.position()
		now, found, err := s.readAny(ctx, ops...)
		if err != nil {
			return moment{}, nil, err
		}
		if now.Position == (store.Position{}) && knew.Store == "" {
			if s.mustExist {
				return moment{}, nil, fmt.Errorf("etcd: %w: nothing is under the prefix %s", store.ErrMissing, s.keys)
			}
			if err := s.begin(ctx); err != nil {
				return moment{}, nil, err
			}
			continue
		}
		if err := s.bond.meet(knew, now.Position); err != nil {
			return moment{}, nil, err
		}
		return now, found, nil
	}
}

// readAny reads whatever store there is.
func (s *Store) readAny(ctx context.Context, ops ...clientv3.Op) (now moment, found answer, err error) {
	own := []clientv3.Op{
		clientv3.OpGet(s.keys.identity()), clientv3.OpGet(s.keys.head()),
		clientv3.OpGet(s.keys.none()), clientv3.OpGet(s.keys.pool()),
	}
	err = anew(ctx, func() error {
		got, err := s.ask(ctx, request{then: append(own, ops...)})
		if err != nil {
			return err
		}
		all := ranges(got)
		if now, err = momentOf(all.only(0), all.only(1), got.Header.Revision); err != nil {
			return err
		}
		found = all[len(own):]
		return s.addWithdrawals(ctx, &now, all.only(2), all.only(3))
	})
	if err != nil {
		return moment{}, nil, err
	}
	return now, found, nil
}

// readAt goes on to read at a moment that was read before.
func (s *Store) readAt(ctx context.Context, then moment, ops ...clientv3.Op) (answer, error) {
	ops = append([]clientv3.Op{clientv3.OpGet(s.keys.identity(), clientv3.WithRev(then.etcd))}, ops...)
	got, err := s.ask(ctx, request{then: ops})
	if err != nil {
		return nil, err
	}
	all := ranges(got)
	if kv := all.only(0); kv == nil || string(kv.Value) != then.identity {
		return nil, &store.ResetError{Known: then.Position}
	}
	return all[1:], nil
}

// at returns what an operation was answered, or nil if nothing was answered.
func (a answer) at(i int) *etcdserverpb.RangeResponse {
	if a == nil {
		return nil
	}
	return a[i]
}

func ranges(got *clientv3.TxnResponse) answer {
	all := make(answer, len(got.Responses))
	for i, r := range got.Responses {
		all[i] = r.GetResponseRange()
	}
	return all
}

func momentOf(identity, head *mvccpb.KeyValue, revision int64) (now moment, err error) {
	now.etcd = revision
	if identity != nil {
		now.identity = string(identity.Value)
		if now.Store, err = decodeIdentity(identity.Value); err != nil {
			return moment{}, err
		}
	}
	if head != nil {
		now.head, now.write = uint64(head.ModRevision), string(head.Value)
		now.Revision = now.head
	}
	return now, nil
}

// begin makes the store, if nobody else does and it is in nobody's way.
func (s *Store) begin(ctx context.Context) error {
	if err := s.alone(ctx); err != nil {
		return err
	}
	absent := clientv3.Compare(clientv3.CreateRevision(s.keys.identity()), "=", 0)
	return s.identify(ctx, absent)
}

// identify gives the store a new identity, on a condition. That it returns says
// that the condition does not hold any more.
func (s *Store) identify(ctx context.Context, when clientv3.Cmp) error {
	put := request{when: []clientv3.Cmp{when}, then: []clientv3.Op{clientv3.OpPut(s.keys.identity(), encodeIdentity(rand.Text()))}}
	_, err := s.ask(ctx, put) // sent again it does nothing
	return err
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (store.Position, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Position{}, err
	}
	defer leave()
	now, _, err := s.read(ctx)
	return now.Position, err
}

// Accept implements store.Store. A store that went back to an older revision
// gets a new identity: to everybody else who knows it further on, it has to be
// another one when it has come as far again.
func (s *Store) Accept(ctx context.Context) (store.Position, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Position{}, err
	}
	defer leave()
	for {
		knew, wentBack := s.bond.history()
		now, _, err := s.readAny(ctx)
		switch {
		case err != nil:
			return store.Position{}, err
		case now.identity == "":
			err = s.begin(ctx)
		case now.Store == knew.Store && (wentBack || now.Revision < knew.Revision):
			err = s.identify(ctx, clientv3.Compare(clientv3.Value(s.keys.identity()), "=", now.identity))
		default:
			s.bond.accept(now.Position)
			s.mark.Store(nil)
			return now.Position, nil
		}
		if err != nil {
			return store.Position{}, err
		}
	}
}
