package api

// OccupyVerification has the tokens of addresses above the limit of failed
// attempts wait, until it is released.
func OccupyVerification(a *API) (release func()) {
	turns := a.accessTokens.turns
	for range cap(turns) {
		turns <- struct{}{}
	}
	return func() {
		for range cap(turns) {
			<-turns
		}
	}
}
