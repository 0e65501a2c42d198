// Package downstream is the clients' side of a proxy: a listener that limits how
// many connections a client has, these connections, and the bodies of requests.
package downstream
