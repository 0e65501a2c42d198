// Package lists holds the tenants' lists that are in force: an LRU cache that
// is kept at the revision of its store. A list that is cached is returned
// without I/O. Whatever changes a list goes through the Cache: a write of this
// process by Write, the writes of others by the store's feed of changes, and
// what the feed may have missed by comparing with the store.
package lists
