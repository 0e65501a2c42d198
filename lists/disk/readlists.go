package disk

import (
	"bytes"
	"database/sql"
	"fmt"
	"weak"

	"originwarden/origins"
)

// loading is a tenant whose rows are still being read.
type loading struct {
	tenant
	revision uint64 // up to which the list is complete
	changes  []origins.Change
}

// readLists returns the lists, and the rows that they are in.
func readLists(db *sql.DB) (map[string]*origins.List, *contents, error) {
	rows, err := db.Query("SELECT id, tenant, kind, integration, revision, origins, digest FROM lists")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	c, tenants := &contents{tenants: map[string]*tenant{}}, map[string]*loading{}
	for rows.Next() {
		r, w, err := scanRow(rows)
		if err != nil {
			return nil, nil, err
		}
		c.digests.toggle(w.digest)
		t := tenants[r.tenant]
		if t == nil {
			t = &loading{tenant: tenant{integrations: map[string]fileRow{}}}
			tenants[r.tenant] = t
		}
		if err := t.add(r, w); err != nil {
			return nil, nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	lists := make(map[string]*origins.List, len(tenants))
	for name, t := range tenants {
		lists[name], c.tenants[name] = t.finish()
	}
	return lists, c, nil
}

// scanRow reads a row and verifies its digest.
func scanRow(rows *sql.Rows) (r row, f fileRow, err error) {
	var revision int64
	var own []byte
	if err := rows.Scan(&f.id, &r.tenant, &r.kind, &r.integration, &revision, &r.origins, &own); err != nil {
		return r, f, err
	}
	r.revision = uint64(revision)
	if f.digest = r.digest(); !bytes.Equal(own, f.digest[:]) {
		return r, f, fmt.Errorf("the checksum of row %d is wrong", f.id)
	}
	return r, f, nil
}

func (t *loading) add(r row, f fileRow) error {
	_, has := t.integrations[r.integration]
	switch {
	case r.kind == kindList && t.complete.id == 0:
		t.complete, t.revision = f, r.revision
	case r.kind != kindList && !has:
		t.integrations[r.integration] = f
		t.changes = append(t.changes, r.change())
	default:
		return fmt.Errorf("duplicate row %d", f.id)
	}
	return nil
}

func (t *loading) finish() (*origins.List, *tenant) {
	l := origins.RestoreList(t.revision, t.changes)
	t.changes = nil
	restored := t.tenant
	restored.list = weak.Make(l)
	for id, version := range l.Versions() {
		f := restored.integrations[id]
		f.version = version
		restored.integrations[id] = f
	}
	return l, &restored
}
