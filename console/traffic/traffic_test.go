package traffic_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"originwarden/console/traffic"
)

// at is the beginning of a minute.
func at(minute int) time.Time {
	return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
}

func TestHour_HasTheLastSixtyMinutes(t *testing.T) {
	c := traffic.New()
	c.Add("acme", true, at(0))
	c.Add("acme", true, at(0).Add(59*time.Second))
	c.Add("acme", false, at(0))
	c.Add("acme", false, at(30))
	c.Add("other", true, at(0))
	for _, row := range []struct {
		rule             string
		until            int
		allowed, refused uint64
	}{
		{"in the minute itself", 0, 2, 1},
		{"later", 30, 2, 2},
		{"in the last minute of the hour", 59, 2, 2},
		{"after an hour", 60, 0, 1},
		{"after more than an hour", 90, 0, 0},
		{"before", -1, 0, 0},
	} {
		hour := c.Hour("acme", at(row.until))
		if sum := hour.Sum(); sum.Allowed != row.allowed || sum.Refused != row.refused {
			t.Errorf("%s: %+v, want %d and %d", row.rule, sum, row.allowed, row.refused)
		}
	}
	if hour := c.Hour("acme", at(5)); hour[54] != (traffic.Minute{Allowed: 2, Refused: 1}) {
		t.Errorf("five minutes ago are %+v", hour[54])
	}
	if hour := c.Hour("none", at(0)); hour.Sum() != (traffic.Minute{}) {
		t.Error("a tenant without requests has some")
	}
}

func TestSince_IsTheFirstRequest(t *testing.T) {
	c := traffic.New()
	c.Add("acme", true, at(0).Add(30*time.Second))
	c.Add("acme", false, at(500))
	c.Add("other", true, at(7))
	for id, want := range map[string]time.Time{"acme": at(0), "other": at(7), "none": {}} {
		if since := c.Since(id); !since.Equal(want) {
			t.Errorf("%s: since %v, want %v", id, since, want)
		}
	}
}

func TestAdd_ForgetsTheHourBefore(t *testing.T) {
	c := traffic.New()
	c.Add("acme", true, at(0))
	c.Add("acme", true, at(traffic.Minutes))
	if hour := c.Hour("acme", at(traffic.Minutes)); hour.Sum().Allowed != 1 {
		t.Errorf("counted were %+v, want the last one alone", hour.Sum())
	}
}

func TestAdd_AllocatesNothingForAKnownTenant(t *testing.T) {
	c := traffic.New()
	c.Add("acme", true, at(0))
	if n := testing.AllocsPerRun(1000, func() { c.Add("acme", true, at(1)); c.Add("acme", false, at(2)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAdd_CountsEachOfManyAtOnce(t *testing.T) {
	c := traffic.New()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 1000 {
				c.Add("acme", i%2 == 0, at(i%3))
			}
		})
	}
	all.Wait()
	if hour := c.Hour("acme", at(3)); hour.Sum() != (traffic.Minute{Allowed: 4000, Refused: 4000}) {
		t.Errorf("counted were %+v", hour.Sum())
	}
}

func TestCounts_AreBounded(t *testing.T) {
	c := traffic.New()
	c.Add("first", true, at(0))
	for i := range 100_000 {
		c.Add(fmt.Sprint("t", i), true, at(0))
	}
	counted := 0
	for i := range 100_000 {
		hour := c.Hour(fmt.Sprint("t", i), at(0))
		counted += int(hour.Sum().Allowed)
	}
	if hour := c.Hour("first", at(0)); hour.Sum().Allowed != 1 || counted > 8192 || counted < 8000 {
		t.Errorf("counted are %d tenants, and the first one %d times", counted, hour.Sum().Allowed)
	}
	c.Add("late", true, at(traffic.Minutes))
	if hour := c.Hour("late", at(traffic.Minutes)); hour.Sum().Allowed != 1 {
		t.Error("a tenant gets no place when the others have had no requests for an hour")
	}
}

func TestChart_FitsAndShowsWhatIsRare(t *testing.T) {
	c := traffic.New()
	for range 100_000 {
		c.Add("acme", true, at(0))
	}
	c.Add("acme", false, at(0))
	c.Add("acme", false, at(10))
	hour := c.Hour("acme", at(10))
	chart := hour.Chart()
	if len(chart.Bars) != 2 || chart.Allowed != 100_000 || chart.Refused != 2 || chart.Highest != 100_001 {
		t.Fatalf("got %+v", chart)
	}
	for _, b := range chart.Bars {
		if b.RefusedY < 0 || b.RefusedHeight < 1 || b.X+4 > chart.Width || b.AllowedY+b.AllowedHeight != chart.Height {
			t.Errorf("the bar %+v does not fit", b)
		}
	}
	if first := chart.Bars[0]; first.Ago != 10 || chart.Bars[1].Ago != 0 {
		t.Errorf("the bars are %+v", chart.Bars)
	}
}

func BenchmarkAdd(b *testing.B) {
	c, now := traffic.New(), at(0)
	b.ReportAllocs()
	for b.Loop() {
		c.Add("acme", true, now)
	}
}
