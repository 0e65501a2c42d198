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

// Changes returns the changes before the first event that it cannot read.
func TestFeed_RefusesEventsThatNoStoreWrote(t *testing.T) {
	valid := []*clientv3.Event{
		put(11, "head", "w"), put(11, "t/acme", "{}"), put(11, "i/acme/one", value), put(11, "u/one", "acme"), put(11, "a/acme/one\x00\x01", "one"),
		put(12, "i/acme/one", value), put(12, "head", "w"), // the head may come after the change
		deletion(13, "i/acme/one"), deletion(13, "u/one"), put(13, "head", "w"),
	}
	for name, c := range map[string]struct {
		events  []*clientv3.Event
		want    []uint64
		foreign bool
		fails   bool
	}{
		"writes of a store":            {events: valid, want: []uint64{11, 12, 13}},
		"revisions already read":       {events: append([]*clientv3.Event{put(9, "i/acme/one", "?"), deletion(10, "identity")}, valid...), want: []uint64{11, 12, 13}},
		"known identity":               {events: append([]*clientv3.Event{put(11, "identity", identity)}, valid...), want: []uint64{11, 12, 13}},
		"no events":                    {},
		"another identity":             {events: append(valid, put(14, "identity", `{"store":"Y","layout":1}`)), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"identity deleted":             {events: append(valid, deletion(14, "identity"), deletion(14, "i/acme/two"), put(14, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"deletion without the head":    {events: append(valid, deletion(14, "i/acme/two")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"deletion of the head as well": {events: append(valid, deletion(14, "i/acme/two"), deletion(14, "head")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"creation without the head":    {events: append(valid, put(14, "i/acme/two", value)), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"head at another revision":     {events: append(valid, deletion(14, "i/acme/two"), put(15, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"invalid key":                  {events: append(valid, put(14, "i/acme", value), put(14, "head", "w")), want: []uint64{11, 12, 13}, foreign: true, fails: true},
		"invalid value":                {events: append(valid, put(14, "i/acme/two", "?"), put(14, "head", "w")), want: []uint64{11, 12, 13}, fails: true},
		"invalid list":                 {events: append(valid, put(14, "i/acme/two", value+"?"), put(14, "head", "w")), want: []uint64{11, 12, 13}, fails: true},
		"key that a feed ignores":      {events: append(valid, put(14, "elsewhere", "?")), want: []uint64{11, 12, 13}},
	} {
		feed := schema.Feed{Keys: schema.NewKeys("p"), IdentityValue: identity, After: 10}
		changes, err := feed.Changes(c.events)
		var got []uint64
		for _, change := range changes {
			got = append(got, change.Revision)
			if change.Tenant != "acme" || change.ID != "one" || change.Deleted != (change.Revision == 13) {
				t.Errorf("%s: unexpected change %+v", name, change)
			}
		}
		if !slices.Equal(got, c.want) || (err != nil) != c.fails || errors.Is(err, schema.ErrForeign) != c.foreign {
			t.Errorf("%s: revisions %d, error %v; want %d", name, got, err, c.want)
		}
		if c.fails && !slices.Contains([]string{fmt.Sprint(err)[:15]}, "at revision 14:") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
