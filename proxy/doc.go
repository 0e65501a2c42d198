// Package proxy is the request path: it finds the tenant by host, determines the
// kind of the request, asks package origins for the decision, and obeys it. It
// answers refused requests and preflights itself, and forwards all others to the
// tenant, or to the API on the tenant's host.
//
// It decides nothing about origins itself, keeps no lists, and knows the API
// only as an http.Handler.
package proxy
