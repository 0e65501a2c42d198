// Package proxy is the request path: it finds the tenant by host, determines the
// kind of the request, asks package origins for the decision, and obeys it. It
// answers refused requests and preflights itself, and forwards all others to the
// tenant, or to the API on the tenant's host.
//
// Requests come in one of two lanes: plainly regular ones of HTTP/1.1 in the fast lane
// (ServeFast), all others in the reference lane (ServeHTTP), which is net/http and
// httputil.ReverseProxy. The lanes read and write; both call the same rules.
//
// It decides nothing about origins itself, keeps no lists, and knows the API
// only as an http.Handler.
package proxy
