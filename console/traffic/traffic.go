// Package traffic counts the requests of each tenant by the minute, for an hour.
package traffic

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

const (
	// Minutes is how many are kept.
	Minutes = 60
	// maxTenants bounds the memory to 8 MB. Of more tenants, those are counted that had
	// requests within the hour first.
	maxTenants = 8192
	// maxProbes is how many places are tried for one tenant.
	maxProbes = 8
)

// Counts are the counts of all tenants. Add takes no lock, and allocates only for a
// tenant's first request within an hour. They may be used concurrently.
type Counts struct {
	seed    maphash.Seed
	tenants [maxTenants]atomic.Pointer[tenant]
}

// tenant has the counts of one tenant. Its id and first are immutable.
type tenant struct {
	id      string
	first   int64        // the minute of the first request
	last    atomic.Int64 // the minute of the last request
	minutes [Minutes]struct{ allowed, refused count }
}

// count is a number of requests, and the minute that it is of.
type count struct{ atomic.Uint64 }

// countBits is for the number; the 28 bits above it are for the minute since 1970.
const countBits = 36

// New returns Counts that are all zero.
func New() *Counts { return &Counts{seed: maphash.MakeSeed()} }

// Add counts a request of a configured tenant.
func (c *Counts) Add(id string, allowed bool, at time.Time) {
	minute := at.Unix() / 60
	t := c.find(id, minute)
	if t == nil {
		return
	}
	if t.last.Load() < minute {
		t.last.Store(minute)
	}
	if m := &t.minutes[minute%Minutes]; allowed {
		m.allowed.add(uint64(minute))
	} else {
		m.refused.add(uint64(minute))
	}
}

// find returns the counts of a tenant. If it has none, it gets a place that is free, or
// that of a tenant without requests for an hour, or it returns nil.
func (c *Counts) find(id string, minute int64) *tenant {
	start := maphash.String(c.seed, id)
	for i := range uint64(maxProbes) {
		if t := c.tenants[(start+i)%maxTenants].Load(); t != nil && t.id == id {
			return t
		}
	}
	for i := range uint64(maxProbes) {
		place := &c.tenants[(start+i)%maxTenants]
		held := place.Load()
		if held != nil && held.id == id {
			return held
		}
		if held == nil || minute-held.last.Load() >= Minutes {
			made := &tenant{id: id, first: minute}
			made.last.Store(minute)
			if place.CompareAndSwap(held, made) {
				return made
			}
		}
	}
	return nil
}

// add counts one more in a minute, and forgets those of another minute.
func (c *count) add(minute uint64) {
	for {
		held := c.Load()
		if held>>countBits == minute {
			c.Add(1)
			return
		}
		if c.CompareAndSwap(held, minute<<countBits|1) {
			return
		}
	}
}

// in returns the number of requests in a minute.
func (c *count) in(minute uint64) uint64 {
	held := c.Load()
	if held>>countBits != minute {
		return 0
	}
	return held & (1<<countBits - 1)
}

// Minute is what was counted within one minute.
type Minute struct{ Allowed, Refused uint64 }

// Hour has the last 60 minutes. The last one is the current one, which has not ended.
type Hour [Minutes]Minute

// Sum returns the counts of the whole hour.
func (h *Hour) Sum() (sum Minute) {
	for _, m := range h {
		sum.Allowed += m.Allowed
		sum.Refused += m.Refused
	}
	return sum
}

// Hour returns a tenant's counts of the hour that ends at a time.
func (c *Counts) Hour(id string, until time.Time) (hour Hour) {
	start := maphash.String(c.seed, id)
	for i := range uint64(maxProbes) {
		if t := c.tenants[(start+i)%maxTenants].Load(); t != nil && t.id == id {
			t.addTo(&hour, until.Unix()/60)
		}
	}
	return hour
}

func (t *tenant) addTo(hour *Hour, last int64) {
	for i := range hour {
		minute := last - Minutes + 1 + int64(i)
		m := &t.minutes[minute%Minutes]
		hour[i].Allowed += m.allowed.in(uint64(minute))
		hour[i].Refused += m.refused.in(uint64(minute))
	}
}

// Tenants returns the ids of the tenants that have counts.
func (c *Counts) Tenants() (ids []string) {
	for i := range c.tenants {
		if t := c.tenants[i].Load(); t != nil {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// Remove forgets the counts of a tenant.
func (c *Counts) Remove(id string) {
	for i := range c.tenants {
		if t := c.tenants[i].Load(); t != nil && t.id == id {
			c.tenants[i].CompareAndSwap(t, nil)
		}
	}
}

// Since returns the minute from which on a tenant's requests were counted, or the zero
// time if none was. It is too late for a tenant that has lost its place to another one.
func (c *Counts) Since(id string) (first time.Time) {
	start := maphash.String(c.seed, id)
	for i := range uint64(maxProbes) {
		if t := c.tenants[(start+i)%maxTenants].Load(); t != nil && t.id == id {
			if at := time.Unix(t.first*60, 0); first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}
