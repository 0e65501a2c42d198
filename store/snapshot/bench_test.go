package snapshot_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/snapshot"
)

const (
	manyTenants = 1000
	manyOrigins = 1_000_000
)

// many are lists of a million origins in all: of each tenant ten web
// integrations of a hundred.
func many() *snapshot.Snapshot {
	s := &snapshot.Snapshot{At: store.Position{Store: "one", Revision: 9}, Confirmed: time.Unix(1_700_000_000, 0), Lists: map[string]*origins.List{}}
	for t := range manyTenants {
		parts := make([]origins.Part, 10)
		for i := range parts {
			parts[i] = origins.Part{ID: fmt.Sprintf("%032d", t*10+i), Revision: 1}
			for o := range manyOrigins / manyTenants / 10 {
				parts[i].Origins = append(parts[i].Origins, fmt.Sprintf("https://app-%d-%d.example.com", i, o))
			}
		}
		s.Lists[fmt.Sprint("tenant-", t)] = origins.NewList(9, parts)
	}
	return s
}

func BenchmarkWriteAMillionOrigins(b *testing.B) {
	s := many()
	var written int64
	for b.Loop() {
		b.StopTimer()
		d := open(b, b.TempDir())
		b.StartTimer()
		written = write(b, d, s)
		b.StopTimer()
		shut(b, d)
		b.StartTimer()
	}
	b.ReportMetric(float64(written)/manyOrigins, "bytes/origin")
}

// One of a thousand tenants has changed one of its web integrations.
func BenchmarkWriteOneChange(b *testing.B) {
	s, d := many(), open(b, b.TempDir())
	write(b, d, s)
	var written int64
	for n := 0; b.Loop(); n++ {
		tenant := fmt.Sprint("tenant-", n*7%manyTenants)
		s.At.Revision++
		s.Lists[tenant] = s.Lists[tenant].With(changed(fmt.Sprintf("%032d", 0), s.At.Revision, "https://new.example"))
		written += write(b, d, s)
	}
	b.ReportMetric(float64(written)/float64(b.N), "bytes/write")
}

func BenchmarkReadAMillionOrigins(b *testing.B) {
	d := open(b, b.TempDir())
	write(b, d, many())
	var before, after runtime.MemStats
	var held *snapshot.Snapshot
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		held = read(b, d)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/manyOrigins, "held-bytes/origin")
	runtime.KeepAlive(held)
}
