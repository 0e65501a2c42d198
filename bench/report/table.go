package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Table returns the medians as a table in Markdown.
func (r *Report) Table() string {
	rows := [][]string{{"workload", "proxy"}}
	for _, c := range columns() {
		rows[0] = append(rows[0], c.title)
	}
	rows[0] = append(rows[0], "goal")
	last := ""
	for _, x := range r.Results {
		row := x.row()
		if x.Workload == last {
			row[0] = ""
		}
		last = x.Workload
		rows = append(rows, row)
	}
	return formatTable(rows)
}

func (x *Result) row() []string {
	row := []string{x.Description, x.Proxy}
	for _, c := range columns() {
		value, ok := x.Median[c.name]
		if c.name == ratio {
			value, ok = x.Ratios[CPU]
		}
		switch {
		case x.Error != "":
			row = append(row, "error")
		case ok:
			row = append(row, fmt.Sprintf(c.format, value))
		default:
			row = append(row, "")
		}
	}
	var goals []string
	for _, g := range x.Goals {
		if text := g.describe(x); text != "" {
			goals = append(goals, text)
		}
	}
	return append(row, strings.Join(goals, "; "))
}

// formatTable aligns the cells, and adds the line below the titles.
func formatTable(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var text strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&text, "| %-*s ", widths[j], cell)
		}
		text.WriteString("|\n")
		if i == 0 {
			for j := range row {
				fmt.Fprintf(&text, "|%s", strings.Repeat("-", widths[j]+2))
			}
			text.WriteString("|\n")
		}
	}
	return text.String()
}

// markdown returns the table with what is needed to compare it with others.
func (r *Report) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Measured on %s\n\n", r.Date.Format(time.DateOnly))
	fmt.Fprintf(&text, "Medians of %d rounds of %g seconds, by `go run ./bench`; upstream %s. %s.\n", r.Rounds, r.Seconds, r.Upstream, r.Machine)
	fmt.Fprintf(&text, "The ratio is that of the CPU time to %s. `bench/README.md` explains the rest.\n\n", r.Baseline)
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(&text, "- %s: %s\n", name, r.Versions[name])
	}
	fmt.Fprintf(&text, "\n%s", r.Table())
	if err := r.Failure(); err != nil {
		fmt.Fprintf(&text, "\nErrors:\n\n```\n%s\n```\n", err)
	}
	return text.String()
}
