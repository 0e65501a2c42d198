package origins_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"originwarden/origins"
)

// originCase is a row of testdata/origins.tsv: the value of an Origin header and
// the expected verdict.
type originCase struct{ value, verdict, why string }

// readCases returns the rows of testdata/origins.tsv and the entries of the list
// that decides about them.
func readCases(t testing.TB) (cases []originCase, entries []string) {
	t.Helper()
	file, err := os.Open("testdata/origins.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if list, ok := strings.CutPrefix(lines.Text(), "# The list they are held against: "); ok {
			entries = strings.Fields(list)
			continue
		}
		columns := strings.Split(lines.Text(), "\t")
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		if len(columns) != 3 {
			t.Fatalf("row with %d columns: %q", len(columns), lines.Text())
		}
		cases = append(cases, originCase{columns[0], columns[1], columns[2]})
	}
	if len(cases) < 100 || len(entries) != 13 {
		t.Fatalf("read %d cases and %d entries", len(cases), len(entries))
	}
	return cases, entries
}

// parseEntries returns the canonical forms of valid entries.
func parseEntries(t testing.TB, entries ...string) []string {
	t.Helper()
	parsed := make([]string, len(entries))
	for i, entry := range entries {
		var err error
		if parsed[i], err = origins.ParseEntry(entry); err != nil {
			t.Fatalf("ParseEntry(%q): %v", entry, err)
		}
	}
	return parsed
}

// newPaddedList returns a list with entries in the web integration "wanted", and
// enough other origins in others to have size origins.
func newPaddedList(t testing.TB, size int, entries ...string) *origins.List {
	t.Helper()
	parts := []origins.Part{{ID: "wanted", Revision: 1, Origins: parseEntries(t, entries...)}}
	for n := len(entries); n < size; {
		part := origins.Part{ID: fmt.Sprint("padding-", n), Revision: 1}
		for ; n < size && len(part.Origins) < 1000; n++ {
			part.Origins = append(part.Origins, fmt.Sprintf("https://app-%d.padding.example:%d", n, 1024+n%60000))
		}
		parts = append(parts, part)
	}
	list := origins.NewList(1, parts)
	if list.Len() != max(size, len(entries)) {
		t.Fatalf("list has %d origins, want %d", list.Len(), size)
	}
	return list
}

func TestDecide_CasesAtEverySize(t *testing.T) {
	cases, entries := readCases(t)
	reasons := map[string]origins.Reason{
		"listed":     origins.Listed,
		"not_listed": origins.OriginNotListed,
		"malformed":  origins.OriginMalformed,
		"opaque":     origins.OriginOpaque,
	}
	cases = append(cases,
		originCase{"null", "opaque", "opaque origin"},
		originCase{"", "malformed", "empty"})
	sizes := []int{1, 100, 10_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:3]
	}
	for _, size := range sizes {
		list := newPaddedList(t, size, entries...)
		for _, c := range cases {
			want, ok := reasons[c.verdict]
			if !ok {
				t.Fatalf("unknown verdict %q", c.verdict)
			}
			got := decide(t, &origins.Policy{}, &origins.Request{Method: "GET", Origin: []string{c.value}}, list)
			if got != want {
				t.Errorf("%d origins, %q: %v, want %v (%s)", size, c.value, got, want, c.why)
			}
		}
	}
}

func TestDecide_DoesNotAllocateForAllowedRequests(t *testing.T) {
	_, entries := readCases(t)
	list := newPaddedList(t, 10_000, entries...)
	policy := &origins.Policy{PublicOrigins: []string{"https://tenant.example"}}
	for _, origin := range append(entries, "https://tenant.example") {
		request := origins.Request{Method: "GET", Origin: []string{origin}}
		byID := request
		if list.Contains(origin) {
			byID.Integration.Add("wanted")
		}
		allocated := testing.AllocsPerRun(100, func() {
			for _, r := range []*origins.Request{&request, &byID} {
				if policy.Decide(r, list).Verdict() != origins.Allowed {
					t.Fatalf("%q is refused", origin)
				}
			}
		})
		if allocated != 0 {
			t.Errorf("%q: %v allocations, want 0", origin, allocated)
		}
	}
}
