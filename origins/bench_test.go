package origins_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"originwarden/origins"
)

// benchSizes returns the sizes of the tenant's list.
func benchSizes() []int { return []int{10, 1_000, 100_000, 1_000_000} }

// The requests have origins from the whole list, so that a large list does not fit
// into the CPU's caches.
func BenchmarkDecide(b *testing.B) {
	for _, size := range benchSizes() {
		list := newPaddedList(b, size, listedOrigin)
		requests := newSpreadRequests(size)
		policy := &origins.Policy{PublicOrigins: []string{publicOrigin}}
		b.Run(fmt.Sprintf("listed/%d", size), func(b *testing.B) { benchDecide(b, policy, list, requests, origins.Listed) })
		for i := range requests {
			requests[i].Integration.Add("wanted")
			requests[i].Origin = []string{listedOrigin}
		}
		b.Run(fmt.Sprintf("integration/%d", size), func(b *testing.B) { benchDecide(b, policy, list, requests, origins.Listed) })
		unlisted := []origins.Request{{Method: "GET", Origin: []string{"https://app-1.padding.example"}}}
		b.Run(fmt.Sprintf("unlisted/%d", size), func(b *testing.B) { benchDecide(b, policy, list, unlisted, origins.OriginNotListed) })
	}
}

func benchDecide(b *testing.B, policy *origins.Policy, list *origins.List, requests []origins.Request, want origins.Reason) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if got := policy.Decide(&requests[i], list); got != want {
			b.Fatal(got, requests[i].Origin)
		}
		if i++; i == len(requests) {
			i = 0
		}
	}
}

// newSpreadRequests returns requests of origins from all of newPaddedList.
func newSpreadRequests(size int) []origins.Request {
	requests := make([]origins.Request, min(size-1, 1<<16))
	for i := range requests {
		n := 1 + (i*7919)%(size-1)
		requests[i] = origins.Request{Method: "GET", Origin: []string{fmt.Sprintf("https://app-%d.padding.example:%d", n, 1024+n%60000)}}
	}
	return requests
}

// A change of one web integration, with lists of different sizes.
func BenchmarkList_With(b *testing.B) {
	for _, size := range benchSizes() {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			list := newPaddedList(b, size, listedOrigin)
			b.ReportAllocs()
			revision := uint64(1)
			for b.Loop() {
				revision++
				list = list.With(newChange("wanted", revision, listedOrigin, fmt.Sprintf("https://at-%d.example", revision)))
			}
		})
	}
}

func BenchmarkNewList(b *testing.B) {
	var before, after runtime.MemStats
	for _, size := range benchSizes() {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				list := newPaddedList(b, size, listedOrigin)
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(list)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(size), "B/origin")
		})
	}
}

func BenchmarkParseEntry(b *testing.B) {
	for _, entry := range []string{"https://app.example.com", "https://bücher.example"} {
		b.Run(entry, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := origins.ParseEntry(entry); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Lists of 1,000,000 origins by name and 10,000 patterns: each below a domain of its
// own, or all below one.
func BenchmarkDecide_Patterns(b *testing.B) {
	layouts := []struct{ name, pattern, origin string }{
		{"domains", "https://pr-*.team-%d.example", "https://pr-1234.team-%d.example"},
		{"oneDomain", "https://team-%d-*-web.example.com", "https://team-%d-pr-1234-web.example.com"},
	}
	large := newPaddedList(b, 1_000_000, listedOrigin)
	for _, layout := range layouts {
		part := origins.Part{ID: "patterns", Revision: 2}
		var requests, others []origins.Request
		for i := range 10_000 {
			part.Origins = append(part.Origins, fmt.Sprintf(layout.pattern, i))
			origin := fmt.Sprintf(layout.origin, i*7919%10_000)
			requests = append(requests, origins.Request{Method: "GET", Origin: []string{origin}})
			others = append(others, origins.Request{Method: "GET", Origin: []string{strings.Replace(origin, "-", "_", 1)}})
		}
		list := large.With(origins.Change{Tenant: "acme", Part: part})
		policy := &origins.Policy{Patterns: origins.OwnPatterns}
		b.Run(layout.name+"/one", func(b *testing.B) { benchDecide(b, policy, list, requests[:1], origins.Listed) })
		b.Run(layout.name+"/spread", func(b *testing.B) { benchDecide(b, policy, list, requests, origins.Listed) })
		b.Run(layout.name+"/unlisted", func(b *testing.B) { benchDecide(b, policy, list, others, origins.OriginNotListed) })
		byName := newSpreadRequests(1_000_000)
		b.Run(layout.name+"/byName", func(b *testing.B) { benchDecide(b, policy, list, byName, origins.Listed) })
	}
	nested := large.With(newChange("nested", 2, nestedPatterns()...))
	mismatch := []origins.Request{{Method: "GET", Origin: []string{"https://" + strings.Repeat("a", 31) + "_" + strings.Repeat("a", 31) + ".example.com"}}}
	b.Run("nested/unlisted", func(b *testing.B) {
		benchDecide(b, &origins.Policy{Patterns: origins.OwnPatterns}, nested, mismatch, origins.OriginNotListed)
	})
}

// A change of one pattern among 10,000 below one domain.
func BenchmarkList_WithPattern(b *testing.B) {
	part := origins.Part{ID: "patterns", Revision: 2}
	for i := range 10_000 {
		part.Origins = append(part.Origins, fmt.Sprintf("https://team-%d-*.example.com", i))
	}
	list := newPaddedList(b, 1000, listedOrigin).With(origins.Change{Tenant: "acme", Part: part})
	b.ReportAllocs()
	revision := uint64(2)
	for b.Loop() {
		revision++
		list = list.With(newChange("wanted", revision, fmt.Sprintf("https://other-%d-*.example.com", revision)))
	}
}
