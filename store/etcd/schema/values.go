package schema

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

// version increases when an older originwarden could no longer read the store, or
// would damage it.
const version = 1

type identityValue struct {
	Store  string `json:"store"`
	Layout int    `json:"layout"`
}

// EncodeIdentity returns the value of the key Identity.
func EncodeIdentity(id string) string {
	text, _ := json.Marshal(identityValue{Store: id, Layout: version})
	return string(text)
}

// DecodeIdentity is the reverse of EncodeIdentity. It fails with store.ErrNewer
// for a newer layout.
func DecodeIdentity(text []byte) (id string, err error) {
	var v identityValue
	switch err := json.Unmarshal(text, &v); {
	case err != nil || v.Store == "" || v.Layout < 1:
		return "", errors.New("etcd: the data under the prefix is not a store of originwarden")
	case v.Layout > version:
		return "", fmt.Errorf("etcd: the layout is version %d, %w; this one supports %d", v.Layout, store.ErrNewer, version)
	}
	return v.Store, nil
}

// Totals is the value of the key Tenant.
type Totals struct {
	Integrations int    `json:"integrations"`
	Origins      int    `json:"origins"`
	Bytes        int    `json:"bytes"` // of the values of the web integrations
	Write        string `json:"write"` // the random id of the last write
}

// Encode returns the value.
func (t *Totals) Encode() string {
	text, _ := json.Marshal(t)
	return string(text)
}

// DecodeTotals is the reverse of Encode. The totals of a missing key, nil, are 0.
func DecodeTotals(kv *mvccpb.KeyValue) (t Totals, err error) {
	if kv == nil {
		return t, nil
	}
	if err := json.Unmarshal(kv.Value, &t); err != nil {
		return t, fmt.Errorf("etcd: reading %q: %w", kv.Key, err)
	}
	return t, nil
}

// integrationValue is the first line of a web integration's value. The second
// line is the list.
type integrationValue struct {
	Name        string    `json:"name"`
	CreatedBy   string    `json:"createdBy"`
	Created     time.Time `json:"created"`
	LastUpdated time.Time `json:"lastUpdated"`
}

// Encode returns the value of the key Integration. It fails for strings that are
// not valid UTF-8 and times that JSON cannot represent.
func Encode(w store.WebIntegration) (string, error) {
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
		return "", fmt.Errorf("etcd: encoding a web integration: %w", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// Decode is the reverse of Encode.
func Decode(tenant, id string, kv *mvccpb.KeyValue) (store.WebIntegration, error) {
	first, list, _ := strings.Cut(string(kv.Value), "\n")
	var v integrationValue
	err := json.Unmarshal([]byte(first), &v)
	var entries []string
	if err == nil && list != "" {
		entries, err = store.DecodeEntries(list)
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
