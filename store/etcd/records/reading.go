package records

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"originwarden/store"
	"originwarden/store/etcd/schema"
	"originwarden/store/history"
)

// inRequest is how many records are read at once: they may be large.
const inRequest = 16

// Reading reads a page of a tenant's records.
type Reading struct {
	Keys   schema.Keys
	Keep   store.Retention
	Tenant string
	Query  store.HistoryQuery
}

// found is a record whose key was read, but not its value.
type found struct {
	store.Record
	key   string
	place int
}

// Page returns the page, given the keys of all records of the tenant, without values,
// and a function that reads values, which are nil where there is no such key.
func (r *Reading) Page(keys iter.Seq2[*mvccpb.KeyValue, error], read func(keys []string) ([][]byte, error)) (store.HistoryPage, error) {
	selected, err := history.Select(r.Query)
	if err != nil {
		return store.HistoryPage{}, err
	}
	all, err := r.index(keys)
	if err != nil {
		return store.HistoryPage{}, err
	}
	for some := range slices.Chunk(r.narrow(all, selected), inRequest) {
		complete, err := addTo(selected, some, read)
		if err != nil {
			return store.HistoryPage{}, err
		}
		if complete {
			break
		}
	}
	return selected.Page, nil
}

// index returns all records in the order of their revisions. Those that were added late
// may have other places in the order of the keys, and the revision of another record:
// then they follow it.
func (r *Reading) index(keys iter.Seq2[*mvccpb.KeyValue, error]) (all []found, err error) {
	for kv, err := range keys {
		if err != nil {
			return nil, err
		}
		key, record, err := r.Keys.ParseRecord(r.Tenant, kv)
		if err != nil {
			return nil, err
		}
		all = append(all, found{record, string(kv.Key), key.Place})
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.place, b.place), cmp.Compare(a.key, b.key))
	})
	for i := range all {
		if i > 0 && all[i].Revision == all[i-1].Revision && all[i].place <= all[i-1].place {
			all[i].place = all[i-1].place + 1
			all[i].ID = store.RecordID(all[i].Revision, all[i].place)
		}
	}
	return all, nil
}

// narrow returns the records that the query may select, in its order.
func (r *Reading) narrow(all []found, selected *history.Selection) []found {
	since := r.Keep.Since(time.Now())
	kept := all[max(0, len(all)-r.Keep.Records):]
	kept = slices.DeleteFunc(kept, func(f found) bool {
		return f.Time.Before(since) || r.Query.Integration != "" && f.Integration != r.Query.Integration || !selected.Begins(f.Revision, f.place)
	})
	if r.Query.Newest {
		slices.Reverse(kept)
	}
	return kept
}

// addTo reads records and adds them to the page until it is complete.
func addTo(page *history.Selection, some []found, read func(keys []string) ([][]byte, error)) (complete bool, err error) {
	keys := make([]string, len(some))
	for i, f := range some {
		keys[i] = f.key
	}
	values, err := read(keys)
	if err != nil {
		return false, err
	}
	for i, f := range some {
		if values[i] == nil {
			continue
		}
		if err := history.Decode(values[i], &f.Record); err != nil {
			return false, err
		}
		if page.Add(f.Record) {
			return true, nil
		}
	}
	return false, nil
}
