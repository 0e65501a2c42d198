package disk

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"weak"

	"originwarden/lists"
	"originwarden/origins"
)

// Write makes s what Read returns. Lists and parts of lists that were written or
// read before, by their pointers, are not written again. When Write returns nil,
// s survives a crash of the machine; after an error the file has what it had
// before, or s. A directory that was removed or replaced is opened again, as
// Open does.
func (d *Disk) Write(s *lists.Snapshot) error {
	if err := d.write(s); err != nil {
		return fmt.Errorf("writing the lists to %s: %w", d.root.Name(), withoutPath(err))
	}
	return nil
}

func (d *Disk) write(s *lists.Snapshot) error {
	if err := d.reopenIfMoved(); err != nil {
		return err
	}
	next, err := d.update(s)
	if errors.Is(err, errUnknown) {
		next, err = d.replace(s)
	}
	if err == nil {
		d.contents = next
	}
	return err
}

var errUnknown = errors.New("the file does not have what was read or written last")

// update changes the file, if its rows are those that were read or written last.
func (d *Disk) update(s *lists.Snapshot) (*contents, error) {
	if d.contents == nil || d.checkFile() != nil {
		return nil, errUnknown
	}
	db, err := d.openPool(fileName)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if p, err := readPosition(db); err != nil || p.digests != d.contents.digests {
		return nil, errUnknown
	}
	return save(db, d.contents, s)
}

// replace writes s to a new file, and renames it.
func (d *Disk) replace(s *lists.Snapshot) (*contents, error) {
	next, err := d.create(s)
	if err == nil {
		// SQLite would apply the journal of the old file to the new one.
		err = d.remove(fileName+journalSuffix, newName+journalSuffix)
	}
	if err == nil {
		err = d.sync() // before the rename, or a crash could undo the removal alone
	}
	if err == nil {
		err = d.root.Rename(newName, fileName)
	}
	if err != nil {
		return nil, errors.Join(err, d.removeNew())
	}
	if err := d.sync(); err != nil {
		return nil, err
	}
	d.removeOldFormat()
	return next, nil
}

func (d *Disk) create(s *lists.Snapshot) (*contents, error) {
	if err := d.removeNew(); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(newName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // SQLite would leave the mode to the umask
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := d.openPool(newName, "auto_vacuum(FULL)") // the file shrinks with the lists
	if err != nil {
		return nil, err
	}
	next, err := save(db, &contents{}, s)
	return next, errors.Join(err, db.Close())
}

// save changes the rows before to those of s in one transaction, and returns the new
// rows.
func save(db *sql.DB, before *contents, s *lists.Snapshot) (*contents, error) {
	tx, err := db.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after the commit, it does nothing
	if before.tenants == nil {
		if _, err := tx.Exec(schema); err != nil {
			return nil, err
		}
	}
	w := writer{tx: tx, next: contents{make(map[string]*tenant, len(s.Lists)), before.digests}}
	if err := w.writeAll(before.tenants, s); err != nil {
		return nil, err
	}
	return &w.next, tx.Commit()
}

// writer makes the changes of one transaction.
type writer struct {
	tx     *sql.Tx
	insert *sql.Stmt // inserts or replaces a row
	next   contents
}

func (w *writer) writeAll(before map[string]*tenant, s *lists.Snapshot) (err error) {
	w.insert, err = w.tx.Prepare("INSERT OR REPLACE INTO lists VALUES (?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	for name, l := range s.Lists {
		if w.next.tenants[name], err = w.writeList(before[name], name, l); err != nil {
			return err
		}
	}
	for name, t := range before {
		if _, stays := s.Lists[name]; stays {
			continue
		}
		if err := w.deleteRows(t, nil); err != nil {
			return err
		}
	}
	p := position{format, s.At.Store, s.At.Revision, s.Confirmed.Unix(), w.next.digests}
	return p.write(w.tx)
}

func (w *writer) writeList(before *tenant, name string, l *origins.List) (*tenant, error) {
	switch {
	case before == nil:
		before = &tenant{}
	case before.list == weak.Make(l):
		return before, nil
	}
	after := &tenant{list: weak.Make(l), integrations: map[string]fileRow{}}
	var err error
	if after.complete, err = w.writeRow(before.complete, row{tenant: name, kind: kindList, revision: l.CompleteTo()}); err != nil {
		return nil, err
	}
	for id, version := range l.Versions() {
		had := before.integrations[id]
		if had.version != version {
			c, _ := l.Change(name, id)
			if had, err = w.writeRow(had, rowOf(c)); err != nil {
				return nil, err
			}
			had.version = version
		}
		after.integrations[id] = had
	}
	return after, w.deleteRows(before, after)
}

// writeRow writes r in place of the row before, unless it is the same.
func (w *writer) writeRow(before fileRow, r row) (fileRow, error) {
	after := fileRow{id: before.id, digest: r.digest()}
	if before.id != 0 && before.digest == after.digest {
		return after, nil
	}
	var id any // NULL makes SQLite choose one
	if before.id != 0 {
		id = before.id
	}
	result, err := w.insert.Exec(id, r.tenant, r.kind, r.integration, int64(r.revision), r.origins, after.digest[:])
	if err != nil {
		return after, err
	}
	w.next.digests.toggle(before.digest) // zero if there was no row
	w.next.digests.toggle(after.digest)
	after.id, err = result.LastInsertId()
	return after, err
}

// deleteRows deletes the rows of web integrations that are in before but not in after.
// If after is nil, it deletes all rows of the tenant.
func (w *writer) deleteRows(before, after *tenant) error {
	if after == nil {
		if err := w.deleteRow(before.complete); err != nil {
			return err
		}
		after = &tenant{}
	}
	for id, r := range before.integrations {
		if _, stays := after.integrations[id]; stays {
			continue
		}
		if err := w.deleteRow(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) deleteRow(r fileRow) error {
	w.next.digests.toggle(r.digest)
	_, err := w.tx.Exec("DELETE FROM lists WHERE id = ?", r.id)
	return err
}
