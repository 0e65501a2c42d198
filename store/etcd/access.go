package etcd

import (
	"context"
	"crypto/tls"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Access is how the gateway gets into the cluster.
type Access struct {
	// Username and Password are etcd's own; both or none. The user needs to
	// read and write under the prefix, and nothing else.
	Username, Password string
	// TLS is how to connect; nil means without TLS. It may hold a client
	// certificate.
	TLS *tls.Config
}

func (a *Access) check() error {
	if (a.Username == "") != (a.Password == "") {
		return errors.New("etcd: a user name and a password go together")
	}
	return nil
}

// Renew has the store use another access from now on, if the cluster lets it
// read by that. If not, the error says why, and the old one is used as before.
// Calls under way end as they began, but for Watch, which returns an error.
func (s *Store) Renew(ctx context.Context, a Access) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := a.check(); err != nil {
		return err
	}
	renewed, err := newMembers(s.endpoints, a)
	if err != nil {
		return wrapped(err)
	}
	if err := s.try(ctx, renewed); err != nil {
		return errors.Join(err, renewed.close())
	}
	return s.replace(renewed)
}

// try reads by these members.
func (s *Store) try(ctx context.Context, m *members) error {
	identity := request{then: []clientv3.Op{clientv3.OpGet(s.keys.identity())}}
	of := race[*clientv3.TxnResponse]{members: m, ask: identity.commit}
	_, err := of.run(ctx)
	return err
}

// replace has later calls use other members. Those of before are closed when
// the last call that uses them has ended.
func (s *Store) replace(by *members) error {
	s.mu.Lock()
	old := s.members
	s.members = by
	close(old.replaced)
	unused := old.users == 0
	s.mu.Unlock()
	if unused {
		return old.close()
	}
	return nil
}

// hold returns the members to use, until they are released.
func (s *Store) hold() *members {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members.users++
	return s.members
}

func (s *Store) release(m *members) {
	s.mu.Lock()
	m.users--
	unused := m.users == 0 && m != s.members
	s.mu.Unlock()
	if unused {
		_ = m.close()
	}
}
