// Package http1 sends requests to HTTP/1.1 servers (RFC 9112): it parses their
// responses strictly, and has a pool of connections that are used on the caller's
// goroutine. It also has the grammar of requests that are plainly regular (RequestHead).
//
// It differs from http.Transport in what a proxy needs. Targets and the names
// of a response's header fields keep their bytes. A response that comes before
// the end of the request is not lost. A request that is not safe is never sent
// twice. A connection that authenticates a user is not shared. No error contains
// bytes of a response.
package http1
