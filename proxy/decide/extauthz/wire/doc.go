// Package wire reads and writes the messages of Envoy's service Authorization
// (envoy/service/auth/v3/external_auth.proto): what the gateway uses of a CheckRequest,
// and what it says in a CheckResponse. The code that is generated for them reads headers,
// which are a map, by reflection, and needs all of Envoy's API: a call would take a fifth
// more time, and the program 2.7 MB more. The tests hold both against each other.
package wire
