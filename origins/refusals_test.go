package origins_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"originwarden/origins"
)

// at is a moment, n seconds after the first.
func at(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

func TestRefusals_TellWhetherTheLastRequestWasSentToTheOriginsHost(t *testing.T) {
	var r origins.Refusals
	r.Record("acme", "https://a.example", origins.OriginNotListed, "/", at(1))
	r.RecordOwnHost("acme", "https://a.example", origins.OriginNotListed, "/", at(2))
	if got := r.Of("acme"); len(got) != 1 || !got[0].OwnHost || got[0].Count != 2 {
		t.Errorf("got %+v", got)
	}
	r.Record("acme", "https://a.example", origins.OriginNotListed, "/", at(3))
	if got := r.Of("acme"); len(got) != 1 || got[0].OwnHost {
		t.Errorf("at another host: %+v", got)
	}
}

func TestRefusals_CountEachOriginAndReasonOfATenant(t *testing.T) {
	var r origins.Refusals
	r.Record("acme", "https://a.example", origins.OriginNotListed, "/one", at(1))
	r.Record("acme", "https://b.example", origins.OriginNotListed, "/two", at(2))
	r.Record("acme", "https://a.example", origins.MethodNotAllowed, "/three", at(3))
	r.Record("acme", "https://a.example", origins.OriginNotListed, "/four", at(4))
	r.Record("other", "https://a.example", origins.OriginNotListed, "/five", at(5))
	want := []origins.Refusal{
		{Origin: "https://a.example", Reason: origins.OriginNotListed, Count: 2, First: at(1), Last: at(4), Path: "/four"},
		{Origin: "https://a.example", Reason: origins.MethodNotAllowed, Count: 1, First: at(3), Last: at(3), Path: "/three"},
		{Origin: "https://b.example", Reason: origins.OriginNotListed, Count: 1, First: at(2), Last: at(2), Path: "/two"},
	}
	if got := r.Of("acme"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := r.Of("other"); len(got) != 1 || got[0].Path != "/five" {
		t.Errorf("of another tenant: %v", got)
	}
	if got := r.Of("nobody"); len(got) != 0 {
		t.Errorf("of a tenant that nobody was refused at: %v", got)
	}
}

// A page that breaks is asked for again and again: a flood of origins that come
// once each does not put it out.
func TestRefusals_KeepWhatComesOftenInAFlood(t *testing.T) {
	var r origins.Refusals
	for i := range 100_000 {
		r.Record("acme", fmt.Sprintf("https://%d.example", i), origins.OriginNotListed, "/", at(i))
		if i%50 == 0 {
			r.Record("acme", "https://ours.example", origins.OriginNotListed, "/ours", at(i))
		}
	}
	got := r.Of("acme")
	if len(got) != 128 {
		t.Errorf("%d are remembered", len(got))
	}
	for _, refusal := range got {
		if refusal.Origin == "https://ours.example" {
			if refusal.Count < 1900 || refusal.Count > 2000 {
				t.Errorf("counted %d of 2000", refusal.Count)
			}
			return
		}
	}
	t.Error("the one that came 2000 times is forgotten")
}

func TestRefusals_AreBoundedAndValidWhateverCame(t *testing.T) {
	for _, c := range []struct{ origin, path string }{
		{strings.Repeat("a", 1<<20), strings.Repeat("/b", 1<<20)},
		{strings.Repeat("é", 1000), strings.Repeat("é", 1000)},
		{"\xff\xfe", "/\xff"},
		{"", ""},
	} {
		var r origins.Refusals
		r.Record("acme", c.origin, origins.OriginMalformed, c.path, at(0))
		got := r.Of("acme")[0]
		if len(got.Origin) > 330 || len(got.Path) > 260 || !utf8.ValidString(got.Origin) || !utf8.ValidString(got.Path) {
			t.Errorf("%.10q, %.10q became %q, %q", c.origin, c.path, got.Origin, got.Path)
		}
	}
}

func TestRefusals_AreRecordedByManyAtOnce(t *testing.T) {
	var r origins.Refusals
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 1000 {
				r.Record(fmt.Sprint(n%3), fmt.Sprint(i), origins.OriginNotListed, "/", at(n))
				r.Of("1")
			}
		})
	}
	all.Wait()
	var count uint64
	for _, tenant := range []string{"0", "1", "2"} {
		for _, refusal := range r.Of(tenant) {
			count += refusal.Count
		}
	}
	if count != 8000 {
		t.Errorf("%d were counted of 8000", count)
	}
}

func BenchmarkRefusals_Record(b *testing.B) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("https://%d.example", i)
	}
	for name, from := range map[string][]string{"one": names[:1], "flood": names} {
		b.Run(name, func(b *testing.B) {
			var r origins.Refusals
			now := time.Now()
			b.ReportAllocs()
			for i := range b.N {
				r.Record("acme", from[i%len(from)], origins.OriginNotListed, "/api/things", now)
			}
		})
	}
}
