// Package origins decides whether a web origin may talk to a tenant.
//
// It holds what an origin is (the grammar of the Origin header and of the
// entries that administrators write), a tenant's list of origins, the bounded
// cache of those lists, and the decision with its one reason. It knows nothing
// of HTTP handlers, stores or configuration, and does no I/O of its own: the
// cache calls the loader it was given.
package origins
