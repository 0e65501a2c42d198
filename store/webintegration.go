package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"originwarden/origins"
)

// WebIntegration is a named list of valid origins of a tenant.
type WebIntegration struct {
	// ID is 32 characters of A-Z a-z 0-9 _ -, unique in the store.
	ID       string
	TenantID string
	// Name is 1 to 256 characters without control characters.
	Name string
	// CreatedBy is the subject of the token that created it.
	CreatedBy string
	// Created and LastUpdated are in UTC, whole seconds.
	Created, LastUpdated time.Time
	// ValidOrigins are the entries as they were written. origins.Patterns.ParseEntry
	// returns their canonical form.
	ValidOrigins []string
	// Revision is the store's revision of the last change.
	Revision uint64
}

// NewID returns a random id of 192 bits. It never begins with a hyphen, because
// command lines would take it for a flag.
func NewID() string {
	for {
		var raw [24]byte
		rand.Read(raw[:]) // never fails since Go 1.24
		if id := base64.RawURLEncoding.EncodeToString(raw[:]); id[0] != '-' {
			return id
		}
	}
}

// DerivedID returns the id for a seed, in the form of those of NewID: always the same
// one, and another one for another seed.
func DerivedID(seed string) string {
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", n, seed))
		if id := base64.RawURLEncoding.EncodeToString(sum[:24]); id[0] != '-' {
			return id
		}
	}
}

// IsID reports whether s has the form of the id of a web integration.
func IsID(s string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return len(s) == 32 && strings.Trim(s, alphabet) == ""
}

// MaxNameLength is the maximum length of a name, in characters.
const MaxNameLength = 256

// NameProblem returns what is wrong with a name, or "".
func NameProblem(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case !utf8.ValidString(name):
		return "the name is not valid UTF-8"
	case utf8.RuneCountInString(name) > MaxNameLength:
		return "the name is longer than 256 characters"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "the name has a control character"
	}
	return ""
}

// OriginProblems returns the errors of invalid entries, by their index. Of patterns,
// only those are valid that allowed permits.
func OriginProblems(entries []string, allowed origins.Patterns) map[int]error {
	problems := map[int]error{}
	for i, entry := range entries {
		if _, err := allowed.ParseEntry(entry); err != nil {
			problems[i] = err
		}
	}
	return problems
}

// Clone returns a copy that shares nothing with w, or nil if w is nil.
func (w *WebIntegration) Clone() *WebIntegration {
	if w == nil {
		return nil
	}
	c := *w
	c.ValidOrigins = slices.Clone(w.ValidOrigins)
	return &c
}

// OriginBytes returns the length of the valid origins, in bytes.
func (w *WebIntegration) OriginBytes() int {
	bytes := 0
	for _, entry := range w.ValidOrigins {
		bytes += len(entry)
	}
	return bytes
}

// Part returns the web integration's part of a list, without invalid entries. It has
// every pattern: the decision ignores those that the tenant's policy does not permit.
func (w *WebIntegration) Part() origins.Part {
	p := origins.Part{ID: w.ID, Revision: w.Revision, Origins: make([]string, 0, len(w.ValidOrigins))}
	for _, entry := range w.ValidOrigins {
		if canonical, err := origins.HostedPatterns.ParseEntry(entry); err == nil {
			p.Origins = append(p.Origins, canonical)
		}
	}
	return p
}

// Change returns the change of the tenant's list by the last write.
func (w *WebIntegration) Change() origins.Change {
	return origins.Change{Tenant: w.TenantID, Part: w.Part()}
}

// Deletion returns the change of the tenant's list by a deletion at revision.
func Deletion(tenant, id string, revision uint64) origins.Change {
	return origins.Change{Tenant: tenant, Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
}

// DecodeEntries decodes a JSON array of strings. It splits an array without
// escapes and spaces, as most are, instead of parsing it: a request may wait for
// a list of a million entries.
func DecodeEntries(text string) (entries []string, err error) {
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
