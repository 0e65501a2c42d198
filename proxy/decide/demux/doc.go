// Package demux serves gRPC and HTTP at one address: connections whose first request is a
// call of gRPC by gRPC's own server, and all others by net/http, whose HTTP/2 takes several
// times as long for a call. It answers no request: both servers get every byte that the
// client has sent, but for pings that were answered in their name, and the acknowledgement
// of what was sent in their name.
package demux
