// Package client is a client of the web integrations API: of originwarden, and
// of any server of Qlik Cloud's /api/v1/web-integrations.
//
// It sends its token to one server only, whatever links or redirects that server
// returns, bounds the length of responses, and waits when the server's rate limit
// is reached. Outside this module it imports only the standard library.
//
// The module originwarden has no address that go get could fetch it from. A
// program uses a checkout of it:
//
//	go mod edit -require originwarden@v0.0.0 -replace originwarden=../originwarden
//
// or, where both are developed together, a workspace:
//
//	go work init . ../originwarden
package client
