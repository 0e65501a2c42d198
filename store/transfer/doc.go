// Package transfer brings web integrations from one store into another by way
// of a file of JSON lines. A file is taken whole or not at all, and bringing it
// in a second time changes nothing.
//
// It knows no database and no HTTP: what it reads from and writes to is handed
// to it.
package transfer
