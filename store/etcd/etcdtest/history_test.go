package etcdtest_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

func records(t *testing.T, s store.Store, q store.HistoryQuery) []store.Record {
	t.Helper()
	q.Limit = 100
	page, err := s.History(withTimeout(t, 10*time.Second), "acme", q)
	if err != nil || page.Next != "" {
		t.Fatalf("History: %v, next %q", err, page.Next)
	}
	return page.Records
}

// TestStore_RecordsRemovalsWhenThereIsSpace revokes origins while the cluster takes no
// records. They are recorded later, by the gateway that has revoked them, in the order
// of the changes and with their revisions.
func TestStore_RecordsRemovalsWhenThereIsSpace(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	s, other := openStoreWithPool(t, o), openStore(t, o)
	a := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example"))
	b := create(t, s, newIntegration("acme", "b", "https://c.example"))
	fillCluster(t, c)
	ctx := store.WithAuthor(withTimeout(t, time.Minute), "ann")
	edited, err := s.Edit(ctx, "acme", a.ID, removeOrigins("https://a.example"))
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := s.Delete(ctx, "acme", b.ID, allowed)
	if err != nil {
		t.Fatal(err)
	}
	if got := records(t, other, store.HistoryQuery{}); len(got) != 2 || s.RecordStatus() != (store.RecordStatus{Waiting: 2}) {
		t.Errorf("%d records under the alarm, want 2; %+v", len(got), s.RecordStatus())
	}
	_ = s.CheckWrites(ctx)
	makeSpace(t, c, otherPrefix)
	made := create(t, other, newIntegration("acme", "c"))
	for range 2 { // the second one has nothing to add
		if err := s.CheckWrites(ctx); err != nil {
			t.Fatal(err)
		}
	}
	last := create(t, other, newIntegration("acme", "d"))
	got := records(t, other, store.HistoryQuery{})
	if len(got) != 6 {
		t.Fatalf("%d records, want 6: %+v", len(got), got)
	}
	edit, deletion := got[2], got[3]
	if got[4].Revision != made.Revision || got[5].Revision != last.Revision {
		t.Errorf("records at revisions %d and %d, want %d and %d", got[4].Revision, got[5].Revision, made.Revision, last.Revision)
	}
	if edit.Subject != "ann" || edit.Integration != a.ID || edit.Operation != store.Updated || fmt.Sprintf("%s", edit.Updates) != `[{/validOrigins/0 "https://a.example" }]` {
		t.Errorf("the removal is recorded as %+v", edit)
	}
	if deletion.Subject != "ann" || deletion.Integration != b.ID || deletion.Operation != store.Deleted || deletion.Name != "b" {
		t.Errorf("the deletion is recorded as %+v", deletion)
	}
	if edit.Revision != edited.Revision || deletion.Revision != deleted || deletion.ID != fmt.Sprint(deleted) {
		t.Errorf("records %s and %s, want %d and %d", edit.ID, deletion.ID, edited.Revision, deleted)
	}
	if later := records(t, other, store.HistoryQuery{After: edited.Revision}); len(later) != 3 || later[0].ID != deletion.ID {
		t.Errorf("after revision %d: %+v", edited.Revision, later)
	}
	if status := s.RecordStatus(); status != (store.RecordStatus{}) {
		t.Errorf("after the records were added: %+v", status)
	}
	wantConsistent(t, c, o)
}

// TestStore_RecordsPartOfRemovals makes removals during those of another gateway, which
// leave too few for the rest of its edit.
func TestStore_RecordsPartOfRemovals(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	s, o, r := openThroughRelay(t, c)
	direct := o
	direct.Endpoints = c.Endpoints()
	other := openStoreWithPool(t, direct)
	var many []string
	for i := range maxRemovals {
		many = append(many, fmt.Sprintf("https://%d.example", i))
	}
	a := create(t, other, newIntegration("acme", "a", append(many, "https://stays.example")...))
	g := create(t, other, newIntegration("globex", "g", many...))
	fillCluster(t, c)
	ctx := withTimeout(t, time.Minute)
	news := newClient(t, c).Watch(ctx, key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-news
	r.delay.Store(int64(50 * time.Millisecond))
	ended := make(chan error)
	go func() {
		_, err := s.Edit(ctx, "acme", a.ID, removeOrigins(many...))
		ended <- err
	}()
	<-news
	r.hold.Lock()
	_, err := other.Edit(ctx, "globex", g.ID, removeOrigins(many[:3]...))
	r.hold.Unlock()
	r.delay.Store(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || store.CauseOf(err) != store.CauseNoSpace {
		t.Fatalf("Edit with too few removals: error %v, want no space", err)
	}
	makeSpace(t, c, otherPrefix)
	if err := s.CheckWrites(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := s.Integration(ctx, "acme", a.ID)
	if err != nil {
		t.Fatal(err)
	}
	removed := len(a.ValidOrigins) - len(left.ValidOrigins)
	got := records(t, s, store.HistoryQuery{})
	if len(got) != 2 || removed == 0 || len(got[1].Updates) != removed {
		t.Errorf("%d entries were removed, recorded is %+v", removed, got)
	}
}

// A late record may stand behind the next one in the order of the keys.
func TestStore_DropsOldRecordsAroundLateOnes(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	o.History.Records = 1
	s := openStoreWithPool(t, o)
	a := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example"))
	fillCluster(t, c)
	ctx := withTimeout(t, time.Minute)
	if _, err := s.Edit(ctx, "acme", a.ID, removeOrigins("https://a.example")); err != nil {
		t.Fatal(err)
	}
	makeSpace(t, c, otherPrefix)
	if err := s.CheckWrites(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		made := create(t, s, newIntegration("acme", fmt.Sprint(i)))
		if got := records(t, s, store.HistoryQuery{}); len(got) != 1 || got[0].Revision != made.Revision {
			t.Errorf("after write %d at %d: %+v", i, made.Revision, got)
		}
	}
	keys, err := newClient(t, c).Get(ctx, key(o, "h/"), clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(keys.Kvs) > 1 {
		t.Errorf("%d keys of records, %v; want 1", len(keys.Kvs), err)
	}
}

// The record of the largest list is counted, and does not prevent the write.
func recordsLargestLists(t *testing.T, c *etcdtest.Cluster) {
	without := newOptions(c)
	without.History = store.Retention{}
	for name, o := range map[string]etcd.Options{"without history": without, "with history": newOptions(c)} {
		s := openStore(t, o)
		w := newIntegration("acme", strings.Repeat("\U0001F600", 256), randomOrigins(1_400<<10-4096)...)
		created, err := s.Create(withTimeout(t, 30*time.Second), w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := s.Edit(withTimeout(t, 30*time.Second), "acme", created.ID, func(w *store.WebIntegration) error {
			w.Name = strings.Repeat("\U0001F601", 256)
			return nil
		}); err != nil {
			t.Errorf("%s: Edit: %v", name, err)
		}
		if got := records(t, s, store.HistoryQuery{}); o.History.Records > 0 && (len(got) != 2 || got[0].Omitted == nil || got[0].Omitted.Added != len(w.ValidOrigins)) {
			t.Errorf("%s: %d records", name, len(got))
		}
	}
}

// randomOrigins returns origins that cannot be compressed well, which take so many
// bytes in a web integration.
func randomOrigins(bytes int) (all []string) {
	for bytes > 0 {
		all = append(all, "https://"+strings.ToLower(rand.Text()+rand.Text())+".example")
		bytes -= len(all[0]) + len(`"",`)
	}
	return all
}

// TestStore_RecordsWithinLimitOfCluster uses a cluster whose limit of a request is
// low.
func TestStore_RecordsWithinLimitOfCluster(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.MaxRequestBytes = limit }
	})
	s := openStore(t, newOptions(c))
	create(t, s, newIntegration("acme", "small", randomOrigins(limit/8)...))
	create(t, s, newIntegration("acme", "large", randomOrigins(limit-2048)...))
	got := records(t, s, store.HistoryQuery{})
	if len(got) != 2 || got[0].Omitted != nil || got[1].Omitted == nil || got[1].Name != "large" {
		t.Errorf("%d records: %+v", len(got), got)
	}
	_, err := s.Create(withTimeout(t, 10*time.Second), newIntegration("acme", "too large", randomOrigins(limit+2048)...))
	if limit, ok := errors.AsType[*store.LimitError](err); !ok || limit.What != store.LimitBytes {
		t.Errorf("error %v, want a LimitError", err)
	}
}
