package console

import "originwarden/console/traffic"

// The size of the chart in its own units. Each minute is a bar.
const (
	chartHeight = 60
	barWidth    = 5 // with the gap to the next one
)

// chart is a bar for each minute of an hour: what was allowed, and upon it what was
// refused.
type chart struct {
	Bars             []bar
	Width, Height    int
	Allowed, Refused uint64
	Highest          uint64 // requests of the highest bar
}

type bar struct {
	X                            int
	AllowedY, AllowedHeight      int
	RefusedY, RefusedHeight      int
	Ago                          int // minutes before now
	AllowedRequests, RefusedMade uint64
}

func newChart(hour *traffic.Hour) chart {
	sum := hour.Sum()
	c := chart{Width: traffic.Minutes * barWidth, Height: chartHeight, Allowed: sum.Allowed, Refused: sum.Refused}
	for _, m := range hour {
		c.Highest = max(c.Highest, m.Allowed+m.Refused)
	}
	for i, m := range hour {
		if m.Allowed+m.Refused == 0 {
			continue
		}
		b := bar{X: i * barWidth, Ago: traffic.Minutes - 1 - i, AllowedRequests: m.Allowed, RefusedMade: m.Refused}
		b.AllowedHeight, b.RefusedHeight = c.height(m.Allowed), c.height(m.Refused)
		b.AllowedY = chartHeight - b.AllowedHeight
		b.RefusedY = b.AllowedY - b.RefusedHeight
		c.Bars = append(c.Bars, b)
	}
	return c
}

// height returns the height of a number of requests, visible if it is not 0. Both parts
// of the highest bar fit.
func (c *chart) height(requests uint64) int {
	if requests == 0 {
		return 0
	}
	return max(1, int(requests*(chartHeight-1)/c.Highest))
}
