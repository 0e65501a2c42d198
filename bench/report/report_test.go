package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/bench/report"
)

// newReport returns a report with a baseline whose median needs 10 µs.
func newReport() *report.Report {
	r := report.New()
	r.Baseline = "nginx"
	x := r.Add("get", "forwarded GET", "nginx", nil)
	for _, cpu := range []float64{30, 10, 8} {
		x.AddRound(report.Figures{report.CPU: cpu, report.P99: 100})
	}
	return r
}

func TestReport_ComparesMediansWithGoals(t *testing.T) {
	cpuRatio := report.Goal{Figure: report.CPU, Max: 1.5, Ratio: true}
	tests := []struct {
		name    string
		rounds  []report.Figures
		goal    report.Goal
		wantMet bool
		want    string // in the table
	}{
		{"a ratio at the goal", []report.Figures{{report.CPU: 15}}, cpuRatio, true, "cpu ratio 1.50, goal ≤ 1.5: met"},
		{"a ratio over the goal", []report.Figures{{report.CPU: 16}}, cpuRatio, false, "cpu ratio 1.60, goal ≤ 1.5: missed"},
		{"the median of an even number of rounds is between two", []report.Figures{{report.CPU: 10}, {report.CPU: 18}}, cpuRatio, true, "cpu ratio 1.40, goal"},
		{"a ratio of another figure", []report.Figures{{report.P99: 120}}, report.Goal{Figure: report.P99, Max: 1.5, Ratio: true}, true, "p99 ratio 1.20, goal"},
		{"a figure over the goal", []report.Figures{{report.Slow: 1}}, report.Goal{Figure: report.Slow}, false, "over 20 ms 1, goal ≤ 0: missed"},
		{"a figure little over the goal", []report.Figures{{report.RSS: 30.1}}, report.Goal{Figure: report.RSS, Max: 30}, false, "RSS MB 30.1, goal ≤ 30: missed"},
		{"a figure that was not measured", []report.Figures{{report.P99: 1}}, cpuRatio, false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newReport()
			x := r.Add("get", "forwarded GET", "originwarden", []report.Goal{test.goal})
			for _, f := range test.rounds {
				x.AddRound(f)
			}
			r.Finish()
			if x.Goals[0].Met != test.wantMet {
				t.Errorf("met %v, want %v", x.Goals[0].Met, test.wantMet)
			}
			if row := lastRow(r); !strings.Contains(row, test.want) || test.want == "" && strings.Contains(row, "goal") {
				t.Errorf("row %q, want %q", row, test.want)
			}
		})
	}
}

func lastRow(r *report.Report) string {
	lines := strings.Split(strings.TrimSpace(r.Table()), "\n")
	return lines[len(lines)-1]
}

func TestReport_HasNoRatioOfAnotherWorkload(t *testing.T) {
	r := newReport()
	x := r.Add("api-list", "API", "originwarden", nil)
	x.AddRound(report.Figures{report.CPU: 50})
	r.Finish()
	if len(x.Ratios) > 0 {
		t.Errorf("ratios %v", x.Ratios)
	}
}

func TestReport_WritesErrorsInsteadOfFigures(t *testing.T) {
	r := newReport()
	x := r.Add("get", "forwarded GET", "originwarden", nil)
	x.AddRound(report.Figures{report.CPU: 50})
	x.Fail(errors.New("status 502"))
	r.Finish()
	file := filepath.Join(t.TempDir(), "results", "one.json")
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	if row := lastRow(r); strings.Contains(row, "50") || !strings.Contains(row, "error") {
		t.Errorf("row %q", row)
	}
	table, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".md")
	if err != nil || !strings.Contains(string(table), "get, originwarden: status 502") {
		t.Errorf("error %v, table %s", err, table)
	}
	var read report.Report
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil || len(read.Results) != 2 || read.Results[1].Error != "status 502" || read.Results[0].Median[report.CPU] != 10 {
		t.Errorf("error %v, results %s", err, text)
	}
}
