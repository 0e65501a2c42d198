package auth

// OccupyVerification takes all slots for the verification of tokens from addresses
// above the limit of failed attempts, until release is called.
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
