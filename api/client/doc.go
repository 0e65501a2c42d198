// Package client is a client of the web integrations API: of originwarden and
// of every server that speaks as Qlik Cloud's /api/v1/web-integrations does.
//
// It sends its token to one server alone, whatever links or redirects that
// server answers with, reads no answer beyond a bound, and waits when it is told
// that the rate limit is reached. Outside this module it uses the standard library only.
//
// The module originwarden has no address from which go get could fetch it. A
// program uses a checkout of it:
//
//	go mod edit -require originwarden@v0.0.0 -replace originwarden=../originwarden
//
// or, where both are developed together, a workspace:
//
//	go work init . ../originwarden
package client
