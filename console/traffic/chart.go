package traffic

// The size of the chart in its own units. Each minute is a bar.
const (
	chartHeight = 60
	barWidth    = 5 // with the gap to the next one
)

// Chart is a bar for each minute of an hour: what was allowed, and upon it what was
// refused.
type Chart struct {
	Bars             []Bar
	Width, Height    int
	Allowed, Refused uint64
	Highest          uint64 // requests of the highest bar
}

// Bar is one minute of a Chart. Its zero heights are not drawn.
type Bar struct {
	X                       int
	AllowedY, AllowedHeight int
	RefusedY, RefusedHeight int
	Ago                     int // minutes before now
	Allowed, Refused        uint64
}

// Chart returns the chart of the hour. Minutes without requests have no bar.
func (h *Hour) Chart() Chart {
	sum := h.Sum()
	c := Chart{Width: Minutes * barWidth, Height: chartHeight, Allowed: sum.Allowed, Refused: sum.Refused}
	for _, m := range h {
		c.Highest = max(c.Highest, m.Allowed+m.Refused)
	}
	for i, m := range h {
		if m.Allowed+m.Refused == 0 {
			continue
		}
		b := Bar{X: i * barWidth, Ago: Minutes - 1 - i, Allowed: m.Allowed, Refused: m.Refused}
		b.AllowedHeight, b.RefusedHeight = c.height(m.Allowed), c.height(m.Refused)
		b.AllowedY = chartHeight - b.AllowedHeight
		b.RefusedY = b.AllowedY - b.RefusedHeight
		c.Bars = append(c.Bars, b)
	}
	return c
}

// height returns the height of a number of requests, visible if it is not 0. Both parts
// of the highest bar fit.
func (c *Chart) height(requests uint64) int {
	if requests == 0 {
		return 0
	}
	return max(1, int(requests*(chartHeight-1)/c.Highest))
}
