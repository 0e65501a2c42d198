package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	driver "modernc.org/sqlite"
	result "modernc.org/sqlite/lib"

	"originwarden/store"
)

// applicationID marks the file as ours, at offset 68 of its header: "OWdn".
const applicationID = 0x4f57646e

// migrations are applied in the order of their names. The version of the schema,
// SQLite's user_version, is the number of those applied. A released migration is
// never edited.
//
//go:embed migrations/*.sql
var migrations embed.FS

// prepareSchema checks that the file is an intact database of ours, and migrates its
// schema. It does not write to the file of another application, nor to an empty
// file if mustExist is true.
func prepareSchema(ctx context.Context, writer *sql.DB, mustExist bool) error {
	conn, err := writer.Conn(ctx)
	if err != nil {
		return explainError(err)
	}
	defer conn.Close()
	version, pending, err := schemaVersion(ctx, conn)
	if err != nil {
		return explainError(err)
	}
	if version == 0 && mustExist {
		return errEmpty
	}
	if err := useLog(ctx, conn); err != nil {
		return explainError(err)
	}
	for _, file := range pending {
		version++
		if err := migrate(ctx, conn, file, version); err != nil {
			return fmt.Errorf("bringing the schema to version %d: %w", version, err)
		}
	}
	return nil
}

// schemaVersion returns the version of the schema, or 0 for a new file, and the
// migrations that it lacks. It fails if the file is damaged, not ours, or of a newer
// version.
func schemaVersion(ctx context.Context, conn *sql.Conn) (version int, pending []string, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, nil, err
	}
	var application, tables int
	var check string
	err = conn.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&application, &version, &tables)
	switch {
	case err != nil:
		return 0, nil, err
	case application == 0 && version == 0 && tables == 0:
		return 0, files, nil
	case application != applicationID:
		return 0, nil, errors.New("it is the database of another application")
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&check); err != nil {
		return 0, nil, err
	}
	switch {
	case check != "ok":
		return 0, nil, errors.New("it is damaged: " + strings.Join(strings.Fields(check), " "))
	case version > len(files):
		return 0, nil, fmt.Errorf("its schema is version %d, %w; this one knows %d", version, store.ErrNewer, len(files))
	}
	return version, files[version:], nil
}

// useLog turns on the write-ahead log, which the file remembers.
func useLog(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its file system cannot have a write-ahead log (the mode stays %s)", mode)
	}
	return nil
}

// migrate applies a migration and sets the version, or does neither.
func migrate(ctx context.Context, conn *sql.Conn, file string, version int) error {
	statements, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	return transact(ctx, conn, "BEGIN IMMEDIATE", func() error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d", statements, applicationID, version))
		return err
	})
}

// explainError replaces SQLite's commonest errors about a file by one plain line.
func explainError(err error) error {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff { // without the extension
	case result.SQLITE_NOTADB:
		return errors.New("it is not a SQLite database")
	case result.SQLITE_CORRUPT:
		return errors.New("it is damaged: " + e.Error())
	}
	return err
}
