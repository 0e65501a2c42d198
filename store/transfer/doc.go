// Package transfer copies web integrations from one store to another by a file of
// JSON lines. A file is read whole or not at all, and importing it a second time
// changes nothing.
//
// It knows no database and no HTTP: callers pass the source and the target.
package transfer
