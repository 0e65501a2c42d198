// Package etcd keeps web integrations in an etcd cluster, as the store of several
// originwardens that share their lists. It requires etcd 3.6 or newer.
//
// Subpackage schema defines the keys and values, connection the requests to the
// cluster, and readview what is read at one revision.
//
// Every write is one transaction, on the condition that its tenant is unchanged
// since it was read. It carries a random id. If the outcome of a write is unknown,
// the id tells whether it was made; if it was not, it is sent again. While the
// cluster's NOSPACE alarm is on, deletions and edits that only take entries away
// are made by deleting keys that were put in advance: see schema.Removals.
package etcd
