package api_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// patchCase is a row of testdata/json-patch.tsv.
type patchCase struct{ source, rule, want, body string }

func patchCases(t testing.TB) []patchCase {
	t.Helper()
	table, err := os.ReadFile("testdata/json-patch.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []patchCase
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 4 {
			t.Fatalf("%d cells: %s", len(cells), line)
		}
		all = append(all, patchCase{cells[0], cells[1], cells[2], cells[3]})
	}
	return all
}

func TestPatch_FollowsRFCs(t *testing.T) {
	g := newTestAPI(t)
	cases := patchCases(t)
	if len(cases) < 90 {
		t.Errorf("%d cases, want at least 90", len(cases))
	}
	for _, c := range cases {
		for _, mediaType := range []string{"application/json", "application/json-patch+json"} {
			t.Run(c.source+"/"+c.rule+"/"+mediaType, func(t *testing.T) {
				id := g.create("n", "https://old.example").ID
				before := g.read(id)
				got := g.send(request{method: "PATCH", path: collection + "/" + id, body: c.body, header: map[string]string{"Content-Type": mediaType}})
				outcome := strconv.Itoa(got.status)
				if got.status != 204 {
					outcome += " " + got.problems(t)
				}
				if outcome != c.want {
					t.Errorf("%s\ngot  %s\nwant %s", c.body, outcome, c.want)
				}
				after := g.read(id)
				written := after.header.Get("ETag") != before.header.Get("ETag")
				if wants := c.want == "204" && c.body != "[]"; written != wants || !written && after.body != before.body {
					t.Errorf("%s\nwas %s\nis  %s", c.body, before.body, after.body)
				}
				if written && !strings.Contains(after.body, "new") {
					t.Errorf("%s: the new value is missing in %s", c.body, after.body)
				}
			})
		}
	}
}

// seedPatches adds every case to the seed corpus.
func seedPatches(f *testing.F) {
	for _, c := range patchCases(f) {
		f.Add([]byte(c.body))
	}
}
