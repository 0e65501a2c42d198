package etcdtest_test

import (
	"testing"

	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
	"originwarden/store/storetest/searchtest"
)

func findsIntegrations(t *testing.T, c *etcdtest.Cluster) {
	searchtest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := newOptions(c)
		o.Limits = limits
		return openStore(t, o), nil
	})
}
