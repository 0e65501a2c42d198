package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
		w.ValidOrigins, err = decode(entries)
	}
	if err != nil {
		return store.WebIntegration{}, fmt.Errorf("sqlite: reading a web integration: %w", err)
	}
	w.Created, w.LastUpdated = time.Unix(created, 0).UTC(), time.Unix(updated, 0).UTC()
	return w, nil
}

// encode returns entries as a JSON array. It fails for an entry that JSON cannot
// represent unchanged.
func encode(entries []string) (string, error) {
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

// decode parses a JSON array of strings. It splits an array without escapes and
// spaces, which encode mostly returns, instead of parsing it: a list that is loaded
// for a request may have a million entries.
func decode(text string) (entries []string, err error) {
	if n := len(text); n >= 4 && text[:2] == `["` && text[n-2:] == `"]` && strings.IndexByte(text, '\\') < 0 {
		entries = strings.Split(text[2:n-2], `","`)
		if strings.Count(text, `"`) == 2*len(entries) {
			return entries, nil
		}
	}
	entries = nil
	err = json.Unmarshal([]byte(text), &entries)
	return entries, err
}
