// Package api is the REST API of web integrations, with which administrators
// edit the lists of valid origins.
//
// It answers on each tenant's own host, for that tenant alone. A change is in
// force in this process when its response is sent. The package adds no CORS
// headers, opens no ports and knows no proxies: its caller has determined the
// client's address, and the scheme and host that the client used. It connects to
// the store and, for the keys of access tokens, to their issuer.
package api
