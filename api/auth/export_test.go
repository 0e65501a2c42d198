package auth

// OccupyVerification has the tokens of addresses above the limit of failed
// attempts wait until release is called.
func OccupyVerification(a *Authenticator) (release func()) {
	for range cap(a.verifying) {
		a.verifying <- struct{}{}
	}
	return func() {
		for range cap(a.verifying) {
			<-a.verifying
		}
	}
}
