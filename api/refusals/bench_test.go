package refusals_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"originwarden/api/refusals"
	"originwarden/origins"
)

// BenchmarkInventory_Record records into an inventory that is full: a known origin, a
// known one with another path each time, and a flood of new ones.
func BenchmarkInventory_Record(b *testing.B) {
	now := time.Now()
	all := make([]refusals.Request, 200_000)
	for i := range all {
		all[i] = refusals.Request{Origin: fmt.Sprintf("https://%d.example", i), Reason: origins.OriginNotListed, Method: "GET", Path: "/api/things", Agent: "chrome", Time: now}
	}
	paths := make([]refusals.Request, 1000)
	for i := range paths {
		paths[i] = all[0]
		paths[i].Path = fmt.Sprintf("/api/things/%d", i)
	}
	for name, from := range map[string][]refusals.Request{"known": all[:1], "paths": paths, "flood": all} {
		b.Run(name, func(b *testing.B) {
			v := refusals.New(nil, 0, nil)
			for i := range 20_000 {
				v.Record(fmt.Sprint(i%12), all[len(all)-1-i])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				v.Record("acme", from[i%len(from)])
			}
		})
	}
}

// The memory of a full inventory is that of the worst that strangers can do.
func TestInventory_TakesAtMostFourMegabytes(t *testing.T) {
	for name, of := range map[string]func(i int) (tenant, origin, path string){
		"usual": func(i int) (string, string, string) {
			return fmt.Sprint(i % 12), fmt.Sprintf("https://page-%d.example.com", i), fmt.Sprintf("/api/v1/things/%d", i)
		},
		"long": func(i int) (string, string, string) {
			return fmt.Sprint(i % 12), fmt.Sprintf("https://%d.", i) + strings.Repeat("a", 1000), fmt.Sprintf("/%d/", i) + strings.Repeat("b", 1000)
		},
		"many tenants": func(i int) (string, string, string) {
			return fmt.Sprint("tenant-", i), "https://page.example.com", "/api/v1/things"
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heapBytes()
			v := refusals.New(nil, 0, nil)
			for i := range 50_000 {
				tenant, origin, path := of(i)
				v.Record(tenant, refusals.Request{Origin: origin, Reason: origins.OriginNotListed, Path: path, Time: time.Now()})
			}
			used := int64(heapBytes()) - int64(before)
			t.Logf("%d bytes", used)
			if used > 4<<20 {
				t.Errorf("it takes %d bytes, want at most 4 MB", used)
			}
			runtime.KeepAlive(v)
		})
	}
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
