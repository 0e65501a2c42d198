// Package tunnel relays WebSockets after their handshake and keeps those that are
// open. It decides again about a tunnel when its tenant's list changes, limits how
// long it lasts, and closes it with a close frame where a frame boundary permits one.
//
// It relays bytes and never validates frames.
package tunnel
