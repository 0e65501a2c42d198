package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"originwarden/api/client"
	"originwarden/store"
)

func TestWebIntegrationLs_PrintsTable(t *testing.T) {
	api := startAPI(t)
	if got := api.run("ls"); got != "ID  NAME  ORIGINS  UPDATED\n" {
		t.Errorf("empty list: got\n%s", got)
	}
	a := api.create("Ähre", "https://a.example")
	b := api.create("b", "https://a.example", "https://b.example", "https://c.example", "https://d.example", "https://e.example")
	c := api.create("c")
	want := fmt.Sprintf(""+
		"ID                                NAME  ORIGINS                                                      UPDATED\n"+
		"%s  b     https://a.example https://b.example https://c.example +2     2020-03-01T00:59:58Z\n"+
		"%s  c                                                                  2020-03-01T00:59:58Z\n"+
		"%s  Ähre  https://a.example                                            2020-03-01T00:59:58Z\n", b.ID, c.ID, a.ID)
	squeezed := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	got := api.run("ls")
	if squeezed(got) != squeezed(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	column := -1
	for line := range strings.Lines(got) {
		at := len([]rune(line[:max(strings.Index(line, "2020-"), strings.Index(line, "UPDATED"))]))
		if column = max(column, at); at != column {
			t.Errorf("the last column is not aligned:\n%s", got)
		}
	}
}

func TestWebIntegrationLs_FollowsPagesUpToLimit(t *testing.T) {
	api := startAPI(t)
	var all []store.WebIntegration
	for i := range 230 {
		all = append(all, api.create(fmt.Sprintf("name %02d", i/5)))
	}
	slices.SortFunc(all, func(a, b store.WebIntegration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	var ids []string
	for _, w := range all {
		ids = append(ids, w.ID)
	}
	backwards := slices.Clone(ids)
	slices.Reverse(backwards)
	for _, row := range []struct {
		args []string
		want []string
	}{
		{nil, ids},
		{[]string{"--sort", "-name"}, backwards},
		{[]string{"--limit", "7"}, ids[:7]},
		{[]string{"--limit", "100"}, ids[:100]},
		{[]string{"--limit", "150"}, ids[:150]},
		{[]string{"--limit", "230"}, ids},
		{[]string{"--limit", "1000"}, ids},
		{[]string{"--limit=3", "--sort", "+name"}, ids[:3]},
		{[]string{"--limit", "120", "--sort=-name"}, backwards[:120]},
		{[]string{"--startingAfter=" + ids[199]}, ids[200:]},
		{[]string{"--limit", "10", "--startingAfter=" + ids[199]}, ids[200:210]},
		{[]string{"--limit", "120", "--startingAfter=" + ids[199]}, ids[200:]},
		{[]string{"--endingBefore=" + ids[5], "--limit", "3"}, ids[2:5]},
		{[]string{"--endingBefore=" + ids[5]}, ids[:5]},
		{[]string{"--endingBefore=" + ids[220]}, ids[:220]},
		{[]string{"--endingBefore=" + ids[220], "--limit", "150"}, ids[70:220]},
		{[]string{"--tenantId", "acme", "--limit", "120"}, ids[:120]},
		{[]string{"--tenantId", "globex"}, nil},
	} {
		if got := api.listIDs(row.args...); !slices.Equal(got, row.want) {
			t.Errorf("ls %q: %d ids, want %d", row.args, len(got), len(row.want))
		}
	}
	var read []client.WebIntegration
	if err := json.Unmarshal([]byte(api.run("ls", "--json", "--limit", "230")), &read); err != nil || len(read) != 230 || read[100].ID != ids[100] {
		t.Errorf("--json: %d web integrations, %v", len(read), err)
	}
	if _, got, _ := runCommand(t, api.env, "web-integration", "ls", "--raw", "--limit", "230"); got != api.get(collection+"?limit=100") {
		t.Errorf("--raw is not the first page:\n%s", got)
	}
}

// Pages with long entries are shorter than requested; ls reads further pages to
// reach its limit.
func TestWebIntegrationLs_FollowsShortPages(t *testing.T) {
	api := startAPI(t)
	long := make([]string, 100)
	for i := range long {
		long[i] = fmt.Sprintf("https://%s%d.example", strings.Repeat("\uff41", 200), i)
	}
	var ids []string
	for i := range 25 {
		ids = append(ids, api.create(fmt.Sprintf("name %02d", i), long...).ID)
	}
	for _, row := range []struct {
		args []string
		want []string
	}{
		{nil, ids},
		{[]string{"--limit", "25"}, ids},
		{[]string{"--limit", "100"}, ids},
		{[]string{"--limit", "7"}, ids[:7]},
		{[]string{"--startingAfter=" + ids[4]}, ids[5:]},
		{[]string{"--endingBefore=" + ids[20]}, ids[:20]},
		{[]string{"--endingBefore=" + ids[20], "--limit", "100"}, ids[:20]},
		{[]string{"--endingBefore=" + ids[20], "--limit", "15"}, ids[5:20]},
		{[]string{"--endingBefore=" + ids[0]}, nil},
	} {
		if got := api.listIDs(row.args...); !slices.Equal(got, row.want) {
			t.Errorf("ls %q: %d ids, want %d", row.args, len(got), len(row.want))
		}
	}
}

// listIDs returns the ids that ls -q prints. It ignores stderr.
func (api *testAPI) listIDs(args ...string) []string {
	api.t.Helper()
	status, stdout, stderr := runCommand(api.t, api.env, append([]string{"web-integration", "ls", "-q"}, args...)...)
	if status != exitDone {
		api.t.Errorf("ls %q: exit status %d\n%s", args, status, stderr)
	}
	return strings.Fields(stdout)
}

func TestWebIntegrationLs_ReportsOmittedIntegrations(t *testing.T) {
	api := startAPI(t)
	var ids []string
	for i := range 73 {
		ids = append(ids, api.create(fmt.Sprintf("name %02d", i)).ID)
	}
	const these, page = "originwarden: there are more web integrations than these %d; without --limit all are printed\n", "originwarden: there are more web integrations than the %d of this page\n"
	maybe := func(text string) string { return strings.Replace(text, "there are more", "there may be more", 1) }
	for _, row := range []struct {
		args   []string
		stderr string
	}{
		{nil, ""},
		{[]string{"--q", "name"}, ""},
		{[]string{"--q", "name", "--limit", "10"}, fmt.Sprintf(maybe(these), 10)},
		{[]string{"--q", "name", "--limit", "10", "--endingBefore=" + ids[11]}, fmt.Sprintf(maybe(these), 10)},
		{[]string{"--q", "name", "--raw"}, fmt.Sprintf(maybe(page), 10)},
		{[]string{"--json"}, ""},
		{[]string{"--limit", "73"}, ""},
		{[]string{"--limit", "72"}, fmt.Sprintf(these, 72)},
		{[]string{"--limit", "10", "--json"}, fmt.Sprintf(these, 10)},
		{[]string{"--limit", "10", "--startingAfter=" + ids[62]}, ""},
		{[]string{"--limit", "10", "--startingAfter=" + ids[61]}, fmt.Sprintf(these, 10)},
		{[]string{"--limit", "10", "--endingBefore=" + ids[10]}, ""},
		{[]string{"--limit", "10", "--endingBefore=" + ids[11]}, fmt.Sprintf(these, 10)},
		{[]string{"--raw"}, fmt.Sprintf(page, 10)},
		{[]string{"--raw", "--limit", "73"}, ""},
		{[]string{"--raw", "--limit", "10", "--endingBefore=" + ids[10]}, ""},
		{[]string{"--raw", "--limit", "10", "--endingBefore=" + ids[11]}, fmt.Sprintf(page, 10)},
	} {
		status, stdout, stderr := runCommand(t, api.env, append([]string{"web-integration", "ls"}, row.args...)...)
		if status != exitDone || stdout == "" || stderr != row.stderr {
			t.Errorf("ls %q: exit status %d, %q", row.args, status, stderr)
		}
	}
}
