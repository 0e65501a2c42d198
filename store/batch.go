package store

// Write is one write of a Batch, of one web integration.
type Write struct {
	Tenant, ID string
	// Make returns the web integration that replaces before, or nil to delete it.
	// before is nil if the tenant has none with this ID. Like the function of an Edit, Make
	// runs inside the write, cannot change the id, the tenant or the revision, may
	// run several times, and must not call a Store. Its error refuses only this
	// write. After ErrUnchanged nothing is written, and the write is not refused.
	Make func(before *WebIntegration) (after *WebIntegration, err error)
}
