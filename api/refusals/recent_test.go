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

// at is a moment, n seconds after the first.
func at(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

func TestRecent_TellWhetherTheLastRequestWasSentToTheOriginsHost(t *testing.T) {
	var r refusals.Recent
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", Time: at(1)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", OwnHost: true, Time: at(2)})
	if got := r.Of("acme"); len(got) != 1 || !got[0].OwnHost || got[0].Count != 2 {
		t.Errorf("got %+v", got)
	}
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/", Time: at(3)})
	if got := r.Of("acme"); len(got) != 1 || got[0].OwnHost {
		t.Errorf("at another host: %+v", got)
	}
}

func TestRecent_CountEachOriginAndReasonOfATenant(t *testing.T) {
	var r refusals.Recent
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/one", Time: at(1)})
	r.Record("acme", refusals.Request{Origin: "https://b.example", Reason: origins.OriginNotListed, Path: "/two", Time: at(2)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.MethodNotAllowed, Path: "/three", Time: at(3)})
	r.Record("acme", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/four", Time: at(4)})
	r.Record("other", refusals.Request{Origin: "https://a.example", Reason: origins.OriginNotListed, Path: "/five", Time: at(5)})
	want := []refusals.Refusal{
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
func TestRecent_KeepWhatComesOftenInAFlood(t *testing.T) {
	var r refusals.Recent
	for i := range 100_000 {
		r.Record("acme", refusals.Request{Origin: fmt.Sprintf("https://%d.example", i), Reason: origins.OriginNotListed, Path: "/", Time: at(i)})
		if i%50 == 0 {
			r.Record("acme", refusals.Request{Origin: "https://ours.example", Reason: origins.OriginNotListed, Path: "/ours", Time: at(i)})
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

func TestRecent_AreBoundedAndValidWhateverCame(t *testing.T) {
	for _, c := range []struct{ origin, path string }{
		{strings.Repeat("a", 1<<20), strings.Repeat("/b", 1<<20)},
		{strings.Repeat("é", 1000), strings.Repeat("é", 1000)},
		{"\xff\xfe", "/\xff"},
		{"", ""},
	} {
		var r refusals.Recent
		r.Record("acme", refusals.Request{Origin: c.origin, Reason: origins.OriginMalformed, Path: c.path, Time: at(0)})
		got := r.Of("acme")[0]
		if len(got.Origin) > 330 || len(got.Path) > 260 || !utf8.ValidString(got.Origin) || !utf8.ValidString(got.Path) {
			t.Errorf("%.10q, %.10q became %q, %q", c.origin, c.path, got.Origin, got.Path)
		}
	}
}

func TestRecent_AreRecordedByManyAtOnce(t *testing.T) {
	var r refusals.Recent
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 1000 {
				r.Record(fmt.Sprint(n%3), refusals.Request{Origin: fmt.Sprint(i), Reason: origins.OriginNotListed, Path: "/", Time: at(n)})
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
