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
	if err := d.renew(); err != nil {
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
	db, err := d.connect(fileName)
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
	db, err := d.connect(newName, "auto_vacuum(FULL)") // the file shrinks with the lists
	if err != nil {
		return nil, err
	}
	next, err := save(db, &contents{}, s)
	return next, errors.Join(err, db.Close())
}

// save changes the rows was to those of s in one transaction, and returns them.
func save(db *sql.DB, was *contents, s *lists.Snapshot) (*contents, error) {
	tx, err := db.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after the commit, it does nothing
	if was.tenants == nil {
		if _, err := tx.Exec(schema); err != nil {
			return nil, err
		}
	}
	w := writer{tx: tx, next: contents{make(map[string]*tenant, len(s.Lists)), was.digests}}
	if err := w.writeAll(was.tenants, s); err != nil {
		return nil, err
	}
	return &w.next, tx.Commit()
}

// writer makes the changes of one transaction.
type writer struct {
	tx     *sql.Tx
	insert *sql.Stmt // or replace
	next   contents
}

func (w *writer) writeAll(was map[string]*tenant, s *lists.Snapshot) (err error) {
	w.insert, err = w.tx.Prepare("INSERT OR REPLACE INTO lists VALUES (?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	for name, l := range s.Lists {
		if w.next.tenants[name], err = w.writeList(was[name], name, l); err != nil {
			return err
		}
	}
	for name, t := range was {
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

func (w *writer) writeList(was *tenant, name string, l *origins.List) (*tenant, error) {
	switch {
	case was == nil:
		was = &tenant{}
	case was.list == weak.Make(l):
		return was, nil
	}
	is := &tenant{list: weak.Make(l), integrations: map[string]written{}}
	var err error
	if is.complete, err = w.writeRow(was.complete, row{tenant: name, kind: kindList, revision: l.CompleteTo()}); err != nil {
		return nil, err
	}
	for id, version := range l.Versions() {
		had := was.integrations[id]
		if had.version != version {
			c, _ := l.Change(name, id)
			if had, err = w.writeRow(had, rowOf(c)); err != nil {
				return nil, err
			}
			had.version = version
		}
		is.integrations[id] = had
	}
	return is, w.deleteRows(was, is)
}

// writeRow writes r in place of the row was, unless it is the same.
func (w *writer) writeRow(was written, r row) (written, error) {
	is := written{id: was.id, digest: r.digest()}
	if was.id != 0 && was.digest == is.digest {
		return is, nil
	}
	var id any // NULL is for a new one
	if was.id != 0 {
		id = was.id
	}
	result, err := w.insert.Exec(id, r.tenant, r.kind, r.integration, int64(r.revision), r.origins, is.digest[:])
	if err != nil {
		return is, err
	}
	w.next.digests.toggle(was.digest) // of no row, it is zero
	w.next.digests.toggle(is.digest)
	is.id, err = result.LastInsertId()
	return is, err
}

// deleteRows deletes the rows of web integrations that was has and is does not,
// and all of the tenant's if is is nil.
func (w *writer) deleteRows(was, is *tenant) error {
	if is == nil {
		if err := w.deleteRow(was.complete); err != nil {
			return err
		}
		is = &tenant{}
	}
	for id, r := range was.integrations {
		if _, stays := is.integrations[id]; stays {
			continue
		}
		if err := w.deleteRow(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) deleteRow(r written) error {
	w.next.digests.toggle(r.digest)
	_, err := w.tx.Exec("DELETE FROM lists WHERE id = ?", r.id)
	return err
}
