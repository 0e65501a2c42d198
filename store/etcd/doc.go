// Package etcd keeps web integrations in an etcd cluster, the store of several
// originwardens that share their lists. It needs etcd 3.6 or newer.
//
// Everything is under one prefix, and etcd's revision of a write is the store's, but for
// withdrawals:
//
//	identity        the store's identity and the version of this layout; never changed but by Accept
//	head            put by every write: its mod revision is the store's revision
//	t/TENANT        what the tenant has, counted; put by every write of the tenant and never deleted
//	i/TENANT/ID     the web integration
//	u/ID            whose it is: an id is of one tenant
//	a/TENANT/NAME…  the order of the names, and d/TENANT/NAME… its reverse
//	w/…             what takes origins away in a full cluster, see withdrawals
//
// TENANT is escaped as a segment of a URL's path, so that no tenant's keys are
// within another's; NAME is encoded so that etcd's order is the order wanted.
//
// Every write is one transaction on the condition that its tenant is as it was
// read. One whose outcome is not known is looked for by the random id that it
// carries, and sent again if it has not happened. In a cluster whose NOSPACE alarm
// is on, deletions and edits that only take entries away are made by deleting keys
// that were put for it.
package etcd
