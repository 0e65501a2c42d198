// Package report keeps what was measured, computes medians and their ratios to a baseline,
// compares them with goals, and writes them as a table and as a file.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Report is what a run has measured. It is the content of the result file.
type Report struct {
	Date     time.Time         `json:"date"`
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"`
	Upstream string            `json:"upstream"` // the program behind the proxies
	Baseline string            `json:"baseline"` // the proxy that the others are compared with
	Rounds   int               `json:"rounds"`
	Seconds  float64           `json:"seconds"` // of each measurement
	Results  []*Result         `json:"results"`
}

// Result is what was measured of one proxy with one workload.
type Result struct {
	Workload    string    `json:"workload"`
	Description string    `json:"description"`
	Proxy       string    `json:"proxy"`
	Median      Figures   `json:"median,omitempty"`
	Ratios      Figures   `json:"ratios,omitempty"` // of the medians, to the baseline's
	Goals       []Goal    `json:"goals,omitempty"`
	Rounds      []Figures `json:"rounds,omitempty"`
	Error       string    `json:"error,omitempty"`
}

// New returns a report without results, of this machine and time. The caller sets the
// other fields.
func New() *Report {
	return &Report{Date: time.Now().UTC().Truncate(time.Second), Machine: thisMachine()}
}

// Add adds a proxy with a workload, which becomes the next row of the table.
func (r *Report) Add(workload, description, proxy string, goals []Goal) *Result {
	x := &Result{Workload: workload, Description: description, Proxy: proxy, Goals: slices.Clone(goals)}
	r.Results = append(r.Results, x)
	return x
}

// AddRound adds the figures of one measurement.
func (x *Result) AddRound(f Figures) { x.Rounds = append(x.Rounds, f) }

// Fail makes the result an error. The figures of other rounds do not count.
func (x *Result) Fail(err error) { x.Error = err.Error() }

// Failure returns the errors of all results.
func (r *Report) Failure() error {
	var all []error
	for _, x := range r.Results {
		if x.Error != "" {
			all = append(all, fmt.Errorf("%s, %s: %s", x.Workload, x.Proxy, x.Error))
		}
	}
	return errors.Join(all...)
}

// Finish computes the medians and the ratios, and compares them with the goals.
func (r *Report) Finish() {
	baselines := map[string]Figures{}
	for _, x := range r.Results {
		if x.Error != "" {
			continue
		}
		x.Median = medians(x.Rounds)
		if x.Proxy == r.Baseline {
			baselines[x.Workload] = x.Median
		}
	}
	for _, x := range r.Results {
		x.Ratios = x.Median.ratiosTo(baselines[x.Workload])
		for i, g := range x.Goals {
			value, ok := g.value(x)
			x.Goals[i].Met = ok && value <= g.Max
		}
	}
}

// Write writes the result file, and the table beside it with the extension .md.
func (r *Report) Write(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(name, append(text, '\n'), 0o644),
		os.WriteFile(strings.TrimSuffix(name, filepath.Ext(name))+".md", []byte(r.markdown()), 0o644))
}
