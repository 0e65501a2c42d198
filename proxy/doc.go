// Package proxy is the request path: it finds the tenant by host, tells what
// kind of request it has, asks package origins for the decision, and obeys it.
// A refused request is answered here, a preflight too; everything else goes to
// the tenant, or to the API that the tenant's host also serves.
//
// It decides nothing about origins itself, keeps no lists, and knows the API
// only as an http.Handler.
package proxy
