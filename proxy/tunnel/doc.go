// Package tunnel relays WebSockets after their handshake and keeps those that are
// open. It decides again about a tunnel when its tenant's list changes, limits how
// long it lasts, and closes it with a close frame where one may stand.
//
// It relays bytes and never validates frames.
package tunnel
