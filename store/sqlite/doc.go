// Package sqlite keeps web integrations in one SQLite file, the store of an
// originwarden that runs alone.
//
// The sqlite3 shell can read the file, and copy it with .backup, while it is in use.
// The last writes may be only in FILE-wal. A lock on FILE.lock ensures that one
// process at a time uses the file. It cannot be in memory, nor on a network file
// system, where SQLite's write-ahead log does not work.
package sqlite
