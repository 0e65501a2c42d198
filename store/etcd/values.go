package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"originwarden/store"
)

// layoutVersion is raised when an older originwarden could no longer read, or
// would spoil, what is kept.
const layoutVersion = 1

type identityValue struct {
	Store  string `json:"store"`
	Layout int    `json:"layout"`
}

func encodeIdentity(id string) string {
	text, _ := json.Marshal(identityValue{Store: id, Layout: layoutVersion})
	return string(text)
}

func decodeIdentity(text []byte) (id string, err error) {
	var v identityValue
	switch err := json.Unmarshal(text, &v); {
	case err != nil || v.Store == "" || v.Layout < 1:
		return "", errors.New("etcd: what the prefix has is not a store of originwarden")
	case v.Layout > layoutVersion:
		return "", fmt.Errorf("etcd: the layout is version %d, written by a newer originwarden; this one knows %d", v.Layout, layoutVersion)
	}
	return v.Store, nil
}

// tenantValue counts what a tenant has. Write is the random id of the write
// that put it.
type tenantValue struct {
	Integrations int    `json:"integrations"`
	Origins      int    `json:"origins"`
	Bytes        int    `json:"bytes"`
	Write        string `json:"write"`
}

func (v *tenantValue) encode() string {
	text, _ := json.Marshal(v)
	return string(text)
}

// tenantOf reads what a tenant has: nothing if it was never put.
func tenantOf(kv *mvccpb.KeyValue) (v tenantValue, err error) {
	if kv == nil {
		return v, nil
	}
	if err := json.Unmarshal(kv.Value, &v); err != nil {
		return v, fmt.Errorf("etcd: reading %q: %w", kv.Key, err)
	}
	return v, nil
}

// integrationValue is the first line of a web integration's value. The second
// one is the list.
type integrationValue struct {
	Name        string    `json:"name"`
	CreatedBy   string    `json:"createdBy"`
	Created     time.Time `json:"created"`
	LastUpdated time.Time `json:"lastUpdated"`
}

// encode fails for what JSON cannot carry unchanged.
func encode(w store.WebIntegration) (string, error) {
	for _, s := range append([]string{w.Name, w.CreatedBy}, w.ValidOrigins...) {
		if !utf8.ValidString(s) {
			return "", errors.New("etcd: a string is not valid UTF-8")
		}
	}
	var text strings.Builder
	lines := json.NewEncoder(&text)
	lines.SetEscapeHTML(false)
	err := lines.Encode(integrationValue{w.Name, w.CreatedBy, w.Created.UTC(), w.LastUpdated.UTC()})
	if err == nil && len(w.ValidOrigins) > 0 {
		err = lines.Encode(w.ValidOrigins)
	}
	if err != nil {
		return "", fmt.Errorf("etcd: writing a web integration: %w", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// decode reads what is kept of a web integration of that tenant.
func decode(tenant, id string, kv *mvccpb.KeyValue) (store.WebIntegration, error) {
	first, list, _ := strings.Cut(string(kv.Value), "\n")
	var v integrationValue
	err := json.Unmarshal([]byte(first), &v)
	var entries []string
	if err == nil {
		entries, err = decodeList(list)
	}
	if err != nil {
		return store.WebIntegration{}, fmt.Errorf("etcd: reading %q at revision %d: %w", kv.Key, kv.ModRevision, err)
	}
	return store.WebIntegration{
		ID: id, TenantID: tenant, Name: v.Name, CreatedBy: v.CreatedBy,
		Created: v.Created.UTC(), LastUpdated: v.LastUpdated.UTC(),
		ValidOrigins: entries, Revision: uint64(kv.ModRevision),
	}, nil
}

// decodeList reads a JSON array of strings. One without escapes or spaces, as
// encode writes nearly all, is cut up rather than parsed: a list that is loaded
// for a request may have a million entries.
func decodeList(text string) (entries []string, err error) {
	if text == "" {
		return nil, nil
	}
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
