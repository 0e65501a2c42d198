package report

import "fmt"

// Goal is an upper bound of a median.
type Goal struct {
	Figure string  `json:"figure"`
	Max    float64 `json:"max"`
	// Ratio says that the bound is of the ratio to the baseline's median.
	Ratio bool `json:"ratio,omitzero"`
	// Met is set when the medians are known.
	Met bool `json:"met"`
}

// value returns what the goal bounds, if it was measured.
func (g Goal) value(x *Result) (value float64, ok bool) {
	if g.Ratio {
		value, ok = x.Ratios[g.Figure]
	} else {
		value, ok = x.Median[g.Figure]
	}
	return value, ok
}

// describe returns what the table says. It is empty if there was nothing to compare.
func (g Goal) describe(x *Result) string {
	value, ok := g.value(x)
	if !ok {
		return ""
	}
	verdict := "missed"
	if g.Met {
		verdict = "met"
	}
	what := fmt.Sprintf("%s ratio %.2f", g.Figure, value)
	if !g.Ratio {
		what = Figures{g.Figure: value}.String()
	}
	return fmt.Sprintf("%s, goal ≤ %g: %s", what, g.Max, verdict)
}
