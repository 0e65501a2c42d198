package store

// Write is what a Batch does to one web integration.
type Write struct {
	Tenant, ID string
	// Make returns what is to take the place of was. was is nil if the tenant
	// has no web integration of that ID, and nil is returned if it is to have
	// none. Make sees was inside the write, as the function of an Edit does: what
	// it makes of the id, the tenant and the revision is ignored, it may run
	// several times, and it calls no Store. Its error refuses this write alone;
	// ErrUnchanged wants nothing written.
	Make func(was *WebIntegration) (is *WebIntegration, err error)
}
