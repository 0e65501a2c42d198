// Package sqlite keeps web integrations in one SQLite file, the store of an
// originwarden that stands alone.
//
// The file is a plain database that the sqlite3 shell reads, and copies with
// .backup, also while it is in use; what was written last may stand in FILE-wal
// alone. One process at a time uses it, through the lock on FILE.lock. It
// cannot be in memory, nor on a network file system, where SQLite's write-ahead
// log does not work.
package sqlite
