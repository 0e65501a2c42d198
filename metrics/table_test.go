package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableFile has a table with a row for each metric: | `name` | type | labels | meaning |
const tableFile = "../docs/operate.md"

// row is the type and the labels of a metric, which the table and the registry
// both have.
type row struct{ kind, labels string }

func TestTable_MatchesRegistry(t *testing.T) {
	documented, registered := readTable(t), registeredMetrics(t)
	for name, want := range registered {
		if got, ok := documented[name]; !ok || got != want {
			t.Errorf("%s: the table has %q, want %q", name, got, want)
		}
	}
	for name := range documented {
		if _, ok := registered[name]; !ok {
			t.Errorf("the table has %s, which is not registered", name)
		}
	}
}

// readTable returns the rows of the table by name.
func readTable(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, match := range regexp.MustCompile("(?m)^\\| `(originwarden_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		if _, duplicate := rows[match[1]]; duplicate {
			t.Errorf("the table has %s twice", match[1])
		}
		labels := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(match[3], -1)
		rows[match[1]] = row{match[2], joinSorted(func(yield func(string) bool) {
			for _, label := range labels {
				if !yield(label[1]) {
					return
				}
			}
		})}
	}
	return rows
}

// registeredMetrics returns the rows of the registry by name.
func registeredMetrics(t *testing.T) map[string]row {
	t.Helper()
	families, err := newPopulatedMetrics(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "originwarden_") {
			continue
		}
		names := map[string]bool{}
		for _, metric := range family.Metric {
			for _, pair := range metric.Label {
				names[pair.GetName()] = true
			}
		}
		rows[family.GetName()] = row{strings.ToLower(family.GetType().String()), joinSorted(maps.Keys(names))}
	}
	return rows
}

// joinSorted returns the sorted names as one string.
func joinSorted(names func(yield func(string) bool)) string {
	return strings.Join(slices.Sorted(names), ", ")
}
