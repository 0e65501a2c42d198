package disk

import (
	"database/sql"
	_ "embed"
	"path/filepath"

	"originwarden/store/sqlite/sqlitefile"
)

// format is the version of the schema. Other versions must have the column
// snapshot.format too.
const format = 1

// schema has one row in snapshot. A row of lists is of one of the kinds below.
//
//go:embed schema.sql
var schema string

const (
	kindList    = iota // the tenant's list, complete up to the revision
	kindPresent        // a web integration, last changed at the revision
	kindDeleted        // a web integration, deleted at the revision
)

// openPool opens a file of the directory, for one call: between calls it is
// closed, so that the file system can be unmounted, and Invalidate and checkFile
// can open it. (While SQLite has the file open, their Close would release its POSIX
// locks.)
//
// The journal is truncated at the end of a transaction and synced. If it were
// removed, it might be back after a crash of the machine, and undo the
// transaction.
func (d *Disk) openPool(name string, pragmas ...string) (*sql.DB, error) {
	return sqlitefile.Open(filepath.Join(d.root.Name(), name), sqlitefile.ReadWrite, 1, append(pragmas,
		"busy_timeout(1000)", // for a shell that reads
		"journal_mode(TRUNCATE)",
		"synchronous(FULL)",
		"fullfsync(1)", // macOS: fsync leaves the drive's cache
	)...)
}
