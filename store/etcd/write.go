package etcd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// LimitBytes is what a *store.LimitError is about when a web integration has
// more bytes than the cluster takes in one request.
const LimitBytes = "bytes of names and origins in one web integration"

// maxBytes is under what etcd takes unless it is told otherwise, 1.5 MiB, by
// more than the rest of a request needs.
const maxBytes = 1_400 << 10

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
	revision, err := s.write(ctx, w.TenantID, w.ID, func(was *scene) (*change, error) {
		value, err := encode(w)
		if err != nil {
			return nil, err
		}
		if was.owned {
			return nil, store.ErrExists
		}
		return &change{is: &w, value: value}, nil
	})
	if err != nil {
		return store.WebIntegration{}, err
	}
	w.Revision = revision
	return w, nil
}

// Edit implements store.Store. edit runs again when another process has written
// to the tenant meanwhile.
func (s *Store) Edit(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
	var was, is store.WebIntegration
	revision, err := s.write(ctx, tenant, id, func(found *scene) (*change, error) {
		if found.was == nil {
			return nil, store.ErrNotFound
		}
		was, is = *found.was, *found.was
		is.ValidOrigins = slices.Clone(was.ValidOrigins)
		if err := edit(&is); err != nil {
			return nil, err
		}
		is.ID, is.TenantID = was.ID, was.TenantID
		value, err := encode(is)
		return &change{was: &was, is: &is, value: value}, err
	})
	switch {
	case errors.Is(err, store.ErrUnchanged):
		return was, nil
	case err != nil:
		return store.WebIntegration{}, err
	}
	is.Revision = revision
	return is, nil
}

// Delete implements store.Store. allow runs again when another process has
// written to the tenant meanwhile.
func (s *Store) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (revision uint64, err error) {
	return s.write(ctx, tenant, id, func(found *scene) (*change, error) {
		if found.was == nil {
			return nil, store.ErrNotFound
		}
		return &change{was: found.was}, allow(*found.was)
	})
}

// scene is what a write is made against: the tenant, and one of its web
// integrations.
type scene struct {
	moment
	tenant, id string
	has        tenantValue
	put        int64                 // the revision at which the tenant was put, 0 for never
	version    int64                 // how often it was
	was        *store.WebIntegration // nil if there is none
	mod        int64                 // the revision at which it was put
	bytes      int                   // of its value
	owned      bool                  // the id is somebody's
}

// change is what a write makes of one web integration.
type change struct {
	was, is *store.WebIntegration // nil before a creation and after a deletion
	value   string                // of is
}

// write brings a change to one web integration about, which plan makes of what
// there is, again whenever that has changed. An error of plan is returned as it
// is.
func (s *Store) write(ctx context.Context, tenant, id string, plan func(*scene) (*change, error)) (revision uint64, err error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	end, err := s.turns.take(ctx, tenant)
	if err != nil {
		return 0, notMade(fmt.Errorf("etcd: waiting for other writes of the tenant: %w", err))
	}
	defer end()
	for round := 0; ; round++ {
		was, err := s.look(ctx, tenant, id)
		if err != nil {
			return 0, notMade(err)
		}
		c, err := plan(was)
		if err != nil {
			return 0, err
		}
		if err := s.hasRoom(ctx, c); err != nil {
			return 0, err
		}
		revision, err := s.makeChange(ctx, was, c)
		if !errors.Is(err, errConflict) {
			return revision, err
		}
		if err := pause(ctx, round); err != nil {
			return 0, notMade(fmt.Errorf("%w: %w", errConflict, err))
		}
	}
}

// makeChange makes the change, by withdrawals if there is no space for it.
func (s *Store) makeChange(ctx context.Context, was *scene, c *change) (revision uint64, err error) {
	if err = s.writeBack(ctx, was.moment); err == nil {
		revision, err = s.apply(ctx, was, c)
	}
	if isWithoutSpace(err) {
		return s.withdraw(ctx, was, c, err)
	}
	return revision, err
}

func (s *Store) look(ctx context.Context, tenant, id string) (*scene, error) {
	now, found, err := s.read(ctx,
		clientv3.OpGet(s.keys.tenant(tenant)),
		clientv3.OpGet(s.keys.integration(tenant, id)),
		clientv3.OpGet(s.keys.owner(id), clientv3.WithKeysOnly()),
	)
	if err != nil {
		return nil, err
	}
	return sceneOf(now, tenant, id, found.only(0), found.only(1), found.only(2))
}

// sceneOf is made of what is kept of the tenant, the web integration and the
// owner of its id; nil is nothing.
func sceneOf(now moment, tenant, id string, has, is, owner *mvccpb.KeyValue) (was *scene, err error) {
	was = &scene{moment: now, tenant: tenant, id: id, owned: is != nil || owner != nil}
	if was.has, err = tenantOf(has); err != nil {
		return nil, err
	}
	if has != nil {
		was.put, was.version = has.ModRevision, has.Version
	}
	if is != nil {
		w, err := decode(tenant, id, is)
		if err != nil {
			return nil, err
		}
		now.without(&w)
		was.was, was.mod, was.bytes = &w, is.ModRevision, len(is.Value)
	}
	return was, nil
}

// apply makes the change, if it is within the limits.
func (s *Store) apply(ctx context.Context, was *scene, c *change) (revision uint64, err error) {
	has := was.has
	if err := s.count(&has, was, c); err != nil {
		return 0, err
	}
	has.Write = rand.Text()
	revision, err = s.commit(ctx, was, has.Write, request{
		when: s.conditions(was),
		then: append(s.operations(was, c),
			clientv3.OpPut(s.keys.tenant(was.tenant), has.encode()),
			clientv3.OpPut(s.keys.head(), has.Write)),
	})
	if tooLarge(err) {
		return 0, &store.LimitError{What: LimitBytes, Max: len(c.value) - 1}
	}
	if err != nil && !errors.Is(err, errConflict) {
		return s.settle(ctx, was, has.Write, err)
	}
	return revision, err
}

// count brings what the tenant has up to date. What grows is held to the
// limits; what shrinks is not, so that a tenant that has more than a lowered
// limit can come back under it in steps.
func (s *Store) count(has *tenantValue, was *scene, c *change) error {
	integrations, origins := 0, 0
	if c.was != nil {
		integrations, origins = integrations-1, origins-len(c.was.ValidOrigins)
	}
	if c.is != nil {
		integrations, origins = integrations+1, origins+len(c.is.ValidOrigins)
	}
	has.Integrations += integrations
	has.Origins += origins
	has.Bytes += len(c.value) - was.bytes
	switch {
	case integrations > 0 && has.Integrations > s.limits.Integrations:
		return &store.LimitError{What: store.LimitIntegrations, Max: s.limits.Integrations}
	case origins > 0 && has.Origins > s.limits.Origins:
		return &store.LimitError{What: store.LimitOrigins, Max: s.limits.Origins}
	case len(c.value) > maxBytes:
		return &store.LimitError{What: LimitBytes, Max: maxBytes}
	}
	return nil
}

// conditions say that everything that the write was made against is as it was,
// the store the same and not older, and nothing withdrawn. Whatever is written to a tenant puts
// the tenant; an id may be taken by another one.
func (s *Store) conditions(was *scene) []clientv3.Cmp {
	return append(s.sameStore(was.moment), s.sameTenant(was), s.sameIntegration(was))
}

func (s *Store) sameStore(then moment) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(s.keys.identity()), "=", then.identity),
		clientv3.Compare(clientv3.ModRevision(s.keys.head()), ">", int64(then.head)-1),
		clientv3.Compare(clientv3.CreateRevision(s.keys.none()), "=", then.none),
	}
}

func (s *Store) sameTenant(was *scene) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(s.keys.tenant(was.tenant)), "=", was.put)
}

func (s *Store) sameIntegration(was *scene) clientv3.Cmp {
	if was.was == nil {
		return clientv3.Compare(clientv3.CreateRevision(s.keys.owner(was.id)), "=", 0)
	}
	return clientv3.Compare(clientv3.ModRevision(s.keys.integration(was.tenant, was.id)), "=", was.mod)
}

// operations are those on the web integration, its id and its name.
func (s *Store) operations(was *scene, c *change) (ops []clientv3.Op) {
	key, owner := s.keys.integration(was.tenant, was.id), s.keys.owner(was.id)
	if c.is == nil {
		ops = append(ops, clientv3.OpDelete(key), clientv3.OpDelete(owner))
	} else {
		ops = append(ops, clientv3.OpPut(key, c.value))
	}
	if c.was == nil {
		ops = append(ops, clientv3.OpPut(owner, was.tenant))
	}
	if c.was != nil && c.is != nil && c.was.Name == c.is.Name {
		return ops
	}
	for _, descending := range []bool{false, true} {
		if c.was != nil {
			ops = append(ops, clientv3.OpDelete(s.keys.place(was.tenant, descending, c.was.Name, was.id)))
		}
		if c.is != nil {
			ops = append(ops, clientv3.OpPut(s.keys.place(was.tenant, descending, c.is.Name, was.id), was.id))
		}
	}
	return ops
}
