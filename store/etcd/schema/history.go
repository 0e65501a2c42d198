package schema

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"originwarden/store"
)

// RecordKey is what the key of a record says of it.
type RecordKey struct {
	Tenant string
	// After is the mod revision of the tenant's key before the write, so that the
	// order of the keys is that of the commits. No key is put twice, since a write
	// is made on the condition that this is still the tenant's revision. In the key of
	// a late record, which is added after its write, it is the revision of the write:
	// the tenant's key is put after all removals that the write is one of.
	After int64
	// Place is that of the record among the tenant's of one revision. That of a late
	// record has lateRecord more, or formerly lateWhenAdded.
	Place       int
	Time        time.Time // in milliseconds
	Integration string
}

// lateWhenAdded is more than the number of writes in a transaction. Stores of older
// versions have such late records, whose revision is when they were added.
const (
	lateWhenAdded = 128
	lateRecord    = 2 * lateWhenAdded
)

// History returns the prefix of the keys of a tenant's records.
func (k Keys) History(tenant string) string {
	return string(k) + "h/" + url.PathEscape(tenant) + "/"
}

// Record returns the key of a record.
func (k Keys) Record(r RecordKey) string {
	return fmt.Sprintf("%s%016x/%02x/%x/%s", k.History(r.Tenant), r.After, r.Place, r.Time.UnixMilli(), r.Integration)
}

// LateRecord returns the key of a record that is added after its write.
func (k Keys) LateRecord(r RecordKey) string {
	r.Place += lateRecord
	return k.Record(r)
}

// ParseRecord returns what the key of one of the tenant's records says, with the
// revision of the record and its ID.
func (k Keys) ParseRecord(tenant string, kv *mvccpb.KeyValue) (key RecordKey, r store.Record, err error) {
	rest, found := strings.CutPrefix(string(kv.Key), k.History(tenant))
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 4 {
		return key, r, fmt.Errorf("etcd: invalid key %q of a record", kv.Key)
	}
	after, err1 := strconv.ParseInt(parts[0], 16, 64)
	place, err2 := strconv.ParseUint(parts[1], 16, 16)
	at, err3 := strconv.ParseInt(parts[2], 16, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return key, r, fmt.Errorf("etcd: invalid key %q of a record", kv.Key)
	}
	key = RecordKey{tenant, after, int(place) % lateWhenAdded, time.UnixMilli(at).UTC(), parts[3]}
	revision := uint64(kv.ModRevision)
	if place >= lateRecord {
		revision = uint64(after)
	}
	return key, store.Record{ID: store.RecordID(revision, key.Place), Revision: revision, Time: key.Time, Tenant: tenant, Integration: key.Integration}, nil
}
