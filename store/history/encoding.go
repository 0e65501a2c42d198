package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"

	"originwarden/store"
)

// MaxBytes is the maximum length of an encoded record. The entries of a change that
// takes more are omitted. Together with the longest web integration that etcd accepts,
// it is below etcd's limit of a request.
const MaxBytes = 64 << 10

const (
	compressedFrom = 1 << 10 // bytes; shorter records are kept as they are
	maxDecoded     = 8 << 20 // bytes; longer records are not compressed at all
)

// content is what Encode keeps of a record: the rest is in the keys of the stores.
type content struct {
	Name      string          `json:"name"`
	Subject   string          `json:"subject,omitempty"`
	Issuer    string          `json:"issuer,omitempty"`
	Operation store.Operation `json:"operation"`
	Updates   []store.Update  `json:"updates,omitempty"`
	Omitted   *store.Omitted  `json:"omitted,omitempty"`
}

// Encode returns the record without its revision, ID, time, tenant and web integration:
// JSON, or JSON compressed by gzip. It omits the entries if they are too long.
func Encode(r store.Record) []byte {
	text := encode(content{r.Name, r.Subject, r.Issuer, r.Operation, r.Updates, r.Omitted})
	switch {
	case len(text) > maxDecoded && r.Omitted == nil:
		return Encode(Omit(r))
	case len(text) < compressedFrom:
		return text
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	if compressed.Len() > MaxBytes && r.Omitted == nil {
		return Encode(Omit(r))
	}
	return compressed.Bytes()
}

// Omit returns the record without its entries.
func Omit(r store.Record) store.Record {
	v := Read(&r)
	var updates []store.Update
	for _, u := range r.Updates {
		if len(readEntries(u.Path, u.OldValue)) == 0 && len(readEntries(u.Path, u.NewValue)) == 0 {
			updates = append(updates, u)
		}
	}
	r.Updates, r.Omitted = updates, &store.Omitted{Added: len(v.Added), Removed: len(v.Removed)}
	return r
}

// Decode is the reverse of Encode: it adds to the record what was encoded.
func Decode(encoded []byte, r *store.Record) error {
	text := encoded
	if len(text) == 0 || text[0] != '{' {
		compressed, err := gzip.NewReader(bytes.NewReader(encoded))
		if err == nil {
			text, err = io.ReadAll(io.LimitReader(compressed, maxDecoded+1))
		}
		if err != nil {
			return fmt.Errorf("decompressing a record: %w", err)
		}
	}
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("decoding a record: %w", err)
	}
	r.Name, r.Subject, r.Issuer, r.Operation, r.Updates, r.Omitted = c.Name, c.Subject, c.Issuer, c.Operation, c.Updates, c.Omitted
	return nil
}
