package disk_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// newSnapshot returns a snapshot with that many tenants, web integrations per
// tenant, and origins per web integration.
func newSnapshot(tenants, integrations, listed int) *lists.Snapshot {
	s := &lists.Snapshot{At: store.Position{Store: "one", Revision: 9}, Confirmed: time.Unix(1_700_000_000, 0), Lists: map[string]*origins.List{}}
	for t := range tenants {
		parts := make([]origins.Part, integrations)
		for i := range parts {
			parts[i] = origins.Part{ID: fmt.Sprintf("%032d", t*integrations+i), Revision: 1}
			for o := range listed {
				parts[i].Origins = append(parts[i].Origins, fmt.Sprintf("https://app-%d-%d.example.com", i, o))
			}
		}
		s.Lists[fmt.Sprint("tenant-", t)] = origins.NewList(9, parts)
	}
	return s
}

func BenchmarkWrite_MillionOrigins(b *testing.B) {
	s := newSnapshot(10_000, 1, 100)
	for b.Loop() {
		b.StopTimer()
		d := openDisk(b, b.TempDir())
		b.StartTimer()
		write(b, d, s)
		b.StopTimer()
		closeDisk(b, d)
		b.StartTimer()
	}
}

// The lists are equal but were built again, as after a start.
func BenchmarkWrite_EqualLists(b *testing.B) {
	d := openDisk(b, b.TempDir())
	write(b, d, newSnapshot(10_000, 1, 100))
	for b.Loop() {
		b.StopTimer()
		s := newSnapshot(10_000, 1, 100)
		b.StartTimer()
		write(b, d, s)
	}
}

// A change of one of ten thousand tenants.
func BenchmarkWrite_OneTenant(b *testing.B) {
	s, d := newSnapshot(10_000, 1, 100), openDisk(b, b.TempDir())
	write(b, d, s)
	for n := 0; b.Loop(); n++ {
		tenant := n * 7 % 10_000
		name := fmt.Sprint("tenant-", tenant)
		s.At.Revision++
		s.Lists[name] = s.Lists[name].With(newChange(fmt.Sprintf("%032d", tenant), s.At.Revision, "https://new.example"))
		write(b, d, s)
	}
}

// A change of one web integration of a tenant with a million origins.
func BenchmarkWrite_OneWebIntegration(b *testing.B) {
	s, d := newSnapshot(1, 1000, 1000), openDisk(b, b.TempDir())
	write(b, d, s)
	for n := 0; b.Loop(); n++ {
		s.At.Revision++
		s.Lists["tenant-0"] = s.Lists["tenant-0"].With(newChange(fmt.Sprintf("%032d", n*7%1000), s.At.Revision, "https://new.example"))
		write(b, d, s)
	}
}

func BenchmarkWrite_Position(b *testing.B) {
	s, d := newSnapshot(10_000, 1, 100), openDisk(b, b.TempDir())
	write(b, d, s)
	for b.Loop() {
		s.At.Revision++
		write(b, d, s)
	}
}

func BenchmarkRead_MillionOrigins(b *testing.B) {
	d := openDisk(b, b.TempDir())
	write(b, d, newSnapshot(10_000, 1, 100))
	var before, after runtime.MemStats
	var held *lists.Snapshot
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		held = read(b, d)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "held-bytes/origin")
	runtime.KeepAlive(held)
}
