package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"originwarden/store"
)

// columns are those that scanIntegration reads.
const columns = "id, tenant, name, created_by, created, updated, revision, valid_origins"

// scanIntegration reads a web integration from a row of columns.
func scanIntegration(row interface{ Scan(...any) error }) (store.WebIntegration, error) {
	var w store.WebIntegration
	var created, updated int64
	var entries string
	err := row.Scan(&w.ID, &w.TenantID, &w.Name, &w.CreatedBy, &created, &updated, &w.Revision, &entries)
	if err == nil {
		w.ValidOrigins, err = store.DecodeEntries(entries)
	}
	if err != nil {
		return store.WebIntegration{}, fmt.Errorf("sqlite: reading a web integration: %w", err)
	}
	w.Created, w.LastUpdated = time.Unix(created, 0).UTC(), time.Unix(updated, 0).UTC()
	return w, nil
}

// encodeEntries returns entries as a JSON array. It fails for an entry that JSON
// cannot represent unchanged.
func encodeEntries(entries []string) (string, error) {
	for _, entry := range entries {
		if !utf8.ValidString(entry) {
			return "", errors.New("sqlite: an entry is not valid UTF-8")
		}
	}
	if len(entries) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(entries)
	return string(text), err
}
