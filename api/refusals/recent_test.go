package refusals_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"originwarden/api/refusals"
	"originwarden/origins"
)

// timeAt returns a time, n seconds after the first.
func timeAt(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

func TestRecent_ReportsOwnHostOfLastRequest(t *testing.T) {
	var r refusals.Recent
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", Time: timeAt(1)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", OwnHost: true, Time: timeAt(2)})
	if got := r.List("acme"); len(got) != 1 || !got[0].OwnHost || got[0].Count != 2 {
		t.Errorf("got %+v, want one refusal with count 2 and OwnHost", got)
	}
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", Time: timeAt(3)})
	if got := r.List("acme"); len(got) != 1 || got[0].OwnHost {
		t.Errorf("after a request to another host: got %+v, want no OwnHost", got)
	}
}

func TestRecent_CountsByTenantOriginAndReason(t *testing.T) {
	var r refusals.Recent
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/one", Time: timeAt(1)})
	r.Record("acme", refusals.Request{Origin: "https://b.example", Reason: origins.OriginNotListed, Path: "/two", Time: timeAt(2)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.MethodNotAllowed, Path: "/three", Time: timeAt(3)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/four", Time: timeAt(4)})
	r.Record("other", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/five", Time: timeAt(5)})
	want := []refusals.Refusal{
		{Origin: "https://a.example", Reason: origins.OriginNotListed, Count: 2, First: timeAt(1), Last: timeAt(4), Path: "/four"},
		{Origin: "https://a.example", Reason: origins.MethodNotAllowed, Count: 1, First: timeAt(3), Last: timeAt(3), Path: "/three"},
		{Origin: "https://b.example", Reason: origins.OriginNotListed, Count: 1, First: timeAt(2), Last: timeAt(2), Path: "/two"},
	}
	if got := r.List("acme"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := r.List("other"); len(got) != 1 || got[0].Path != "/five" {
		t.Errorf("other tenant: got %v, want its refusal alone", got)
	}
	if got := r.List("nobody"); len(got) != 0 {
		t.Errorf("tenant without refusals: got %v, want none", got)
	}
}

// A broken page repeats its requests, so origins that are seen once must not evict
// it.
func TestRecent_KeepsFrequentOriginInFlood(t *testing.T) {
	var r refusals.Recent
	for i := range 100_000 {
		r.Record("acme", refusals.Request{Origin: fmt.Sprintf("https://%d.example", i), Reason: origins.OriginNotListed, Path: "/", Time: timeAt(i)})
		if i%50 == 0 {
			r.Record("acme", refusals.Request{Origin: "https://ours.example", Reason: origins.OriginNotListed, Path: "/ours", Time: timeAt(i)})
		}
	}
	got := r.List("acme")
	if len(got) != 128 {
		t.Errorf("%d refusals are kept, want 128", len(got))
	}
	for _, refusal := range got {
		if refusal.Origin == "https://ours.example" {
			if refusal.Count < 1900 || refusal.Count > 2000 {
				t.Errorf("count %d, want 1900 to 2000", refusal.Count)
			}
			return
		}
	}
	t.Error("the origin of 2000 requests was evicted")
}

func TestRecent_TruncatesInputToValidUTF8(t *testing.T) {
	for _, c := range []struct{ origin, path string }{
		{strings.Repeat("a", 1<<20), strings.Repeat("/b", 1<<20)},
		{strings.Repeat("é", 1000), strings.Repeat("é", 1000)},
		{"\xff\xfe", "/\xff"},
		{"", ""},
	} {
		var r refusals.Recent
		r.Record("acme", refusals.Request{Origin: c.origin, Reason: origins.OriginMalformed, Path: c.path, Time: timeAt(0)})
		got := r.List("acme")[0]
		if len(got.Origin) > 330 || len(got.Path) > 260 || !utf8.ValidString(got.Origin) || !utf8.ValidString(got.Path) {
			t.Errorf("origin %.10q, path %.10q: recorded as %q, %q, want short and valid UTF-8", c.origin, c.path, got.Origin, got.Path)
		}
	}
}

func TestRecent_AllowsConcurrentUse(t *testing.T) {
	var r refusals.Recent
	var recording sync.WaitGroup
	for i := range 8 {
		recording.Go(func() {
			for n := range 1000 {
				r.Record(fmt.Sprint(n%3), refusals.Request{Origin: fmt.Sprint(i), Reason: origins.OriginNotListed, Path: "/", Time: timeAt(n)})
				r.List("1")
			}
		})
	}
	recording.Wait()
	var count uint64
	for _, tenant := range []string{"0", "1", "2"} {
		for _, refusal := range r.List(tenant) {
			count += refusal.Count
		}
	}
	if count != 8000 {
		t.Errorf("count %d, want 8000", count)
	}
}

func BenchmarkRecent_Record(b *testing.B) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("https://%d.example", i)
	}
	for name, from := range map[string][]string{"one": names[:1], "flood": names} {
		b.Run(name, func(b *testing.B) {
			var r refusals.Recent
			now := time.Now()
			b.ReportAllocs()
			for i := range b.N {
				r.Record("acme", refusals.Request{Origin: from[i%len(from)], Reason: origins.OriginNotListed, Path: "/api/things", Time: now})
			}
		})
	}
}
