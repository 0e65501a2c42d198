// Package schema defines the keys and values of a store in etcd, and reads
// changes from the events of a watch. It sends no requests.
//
// All keys begin with one prefix:
//
//	identity        the identity of the store and the version of this layout; only Accept changes it
//	head            put by every write: its mod revision is the revision of the store
//	t/TENANT        totals of the tenant; put by every write to the tenant, never deleted
//	i/TENANT/ID     the web integration
//	u/ID            the tenant that has the id
//	a/TENANT/NAME…  ids in the order of the names; d/TENANT/NAME… has the reverse order
//	h/TENANT/…      what each write changed, see RecordKey
//	w/…             removals, see Removals
//	x/refusals/TENANT  the tenant's refusals, see package inventory
//	x/observed/TENANT  from when to when the tenant is observed, in seconds since 1970
//	x/gateways/NAME    the gateway's heartbeat, with a lease, see package heartbeats
//
// No watch has the keys below x/. TENANT is escaped as a path segment of a URL, so that
// no tenant's keys are among another's. NAME is encoded so that etcd's order is the order of the names.
package schema
