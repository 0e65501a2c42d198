// Package http1 is the way to servers that speak HTTP/1.1 (RFC 9112): a strict
// reading of their answers, and a pool of connections that are used on the
// caller's goroutine.
//
// It differs from http.Transport in what a proxy needs. Targets and the names
// of an answer's header fields keep their bytes. An answer that comes before
// the end of the request is not lost. A request that is not safe is never sent
// twice. A connection that stands for a user is not shared. No error and no log
// line has bytes of an answer.
//
// It decides nothing about requests and knows none of the other packages.
package http1
