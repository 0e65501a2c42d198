package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableFile has a row for each metric: | `name` | type | labels | meaning |
const tableFile = "../docs/operate.md"

// row is what the table and the registry both tell of a metric.
type row struct{ kind, labels string }

func TestTable_IsWhatIsRegistered(t *testing.T) {
	told, there := readTable(t), registered(t)
	for name, want := range there {
		if got, ok := told[name]; !ok || got != want {
			t.Errorf("%s is %q, and the table says %q", name, want, got)
		}
	}
	for name := range told {
		if _, ok := there[name]; !ok {
			t.Errorf("the table has %s, which there is not", name)
		}
	}
}

func readTable(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(originwarden_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		if _, doubled := rows[found[1]]; doubled {
			t.Errorf("the table has %s twice", found[1])
		}
		labels := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(found[3], -1)
		rows[found[1]] = row{found[2], joined(func(yield func(string) bool) {
			for _, label := range labels {
				if !yield(label[1]) {
					return
				}
			}
		})}
	}
	return rows
}

func registered(t *testing.T) map[string]row {
	t.Helper()
	families, err := everything(t).Gatherer().Gather()
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
		rows[family.GetName()] = row{strings.ToLower(family.GetType().String()), joined(maps.Keys(names))}
	}
	return rows
}

func joined(names func(yield func(string) bool)) string {
	return strings.Join(slices.Sorted(names), ", ")
}
