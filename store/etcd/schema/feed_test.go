package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/schema"
)

const (
	identity = `{"store":"X","layout":1}`
	value    = `{"name":"one","created":"2020-01-01T00:00:00Z","lastUpdated":"2020-01-01T00:00:00Z"}` + "\n" + `["https://a.example"]`
)

func put(revision int64, key, value string) *clientv3.Event {
	return &clientv3.Event{Kv: &mvccpb.KeyValue{Key: []byte("/p/" + key), Value: []byte(value), ModRevision: revision}}
}

func deletion(revision int64, key string) *clientv3.Event {
	return &clientv3.Event{Type: clientv3.EventTypeDelete, Kv: &mvccpb.KeyValue{Key: []byte("/p/" + key), ModRevision: revision}}
}

// A feed has the changes up to what it does not understand.
func TestFeed_HasOnlyWhatAStoreWrote(t *testing.T) {
	sound := []*clientv3.Event{
		put(11, "head", "w"), put(11, "t/acme", "{}"), put(11, "i/acme/one", value), put(11, "u/one", "acme"), put(11, "a/acme/one\x00\x01", "one"),
		put(12, "i/acme/one", value), put(12, "head", "w"), // in any order
		deletion(13, "i/acme/one"), deletion(13, "u/one"), put(13, "head", "w"),
	}
	for name, c := range map[string]struct {
		events  []*clientv3.Event
		want    []uint64
		foreign bool
		fails   bool
	}{
		"what was written":                        {events: sound, want: []uint64{11, 12, 13}},
		"what is known already":                   {events: append([]*clientv3.Event{put(9, "i/acme/one", "?"), deletion(10, "identity")}, sound...), want: []uint64{11, 12, 13}},
		"the identity that is known":              {events: append([]*clientv3.Event{put(11, "identity", identity)}, sound...), want: []uint64{11, 12, 13}},
		"nothing":                                 {},
		"another identity":                        {events: append(sound, put(14, "identity", `{"store":"Y","layout":1}`)), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"no identity":                             {events: append(sound, deletion(14, "identity"), deletion(14, "i/acme/two"), put(14, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a deletion without a write":              {events: append(sound, deletion(14, "i/acme/two")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a deletion that takes the head with it":  {events: append(sound, deletion(14, "i/acme/two"), deletion(14, "head")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a creation without a write":              {events: append(sound, put(14, "i/acme/two", value)), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a write of another revision":             {events: append(sound, deletion(14, "i/acme/two"), put(15, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a key that is none":                      {events: append(sound, put(14, "i/acme", value), put(14, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"a value that is none":                    {events: append(sound, put(14, "i/acme/two", "?"), put(14, "head", "w")), want: []uint64{11, 12, 13}, fails: true},
		"a list that is none":                     {events: append(sound, put(14, "i/acme/two", value+"?"), put(14, "head", "w")), want: []uint64{11, 12, 13}, fails: true},
		"what a store does not read by its watch": {events: append(sound, put(14, "elsewhere", "?")), want: []uint64{11, 12, 13}},
	} {
		feed := schema.Feed{Keys: schema.NewKeys("p"), Identity: identity, After: 10}
		changes, err := feed.Changes(c.events)
		var got []uint64
		for _, change := range changes {
			got = append(got, change.Revision)
			if change.Tenant != "acme" || change.ID != "one" || change.Deleted != (change.Revision == 13) {
				t.Errorf("%s: a change is %+v", name, change)
			}
		}
		if !slices.Equal(got, c.want) || (err != nil) != c.fails || errors.Is(err, schema.ErrForeign) != c.foreign {
			t.Errorf("%s has the revisions %d, %v; want %d", name, got, err, c.want)
		}
		if c.fails && !slices.Contains([]string{fmt.Sprint(err)[:15]}, "at revision 14:") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
