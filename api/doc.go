// Package api is the REST API of web integrations: what administrators edit the
// lists of valid origins with.
//
// It answers on each tenant's own host, for that tenant alone. A change is in
// this process's lists when its answer is sent. It adds no CORS headers, knows
// no proxies and opens no ports: whoever serves it has settled who the client is
// and under which scheme and host it came. It asks nobody but the store and, for
// the keys of access tokens, their issuer.
package api
