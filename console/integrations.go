package console

// listIntegrations and the others are stubs.
func (r *request) listIntegrations() error  { return errNotFound }
func (r *request) createIntegration() error { return errNotFound }
func (r *request) checkEntries() error      { return errNotFound }
func (r *request) showCreation() error      { return errNotFound }
func (r *request) showIntegration() error   { return errNotFound }
func (r *request) editIntegration() error   { return errNotFound }
func (r *request) showDeletion() error      { return errNotFound }
func (r *request) deleteIntegration() error { return errNotFound }
