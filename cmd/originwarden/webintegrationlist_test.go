package main

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

func TestWebIntegrationLs_PrintsATable(t *testing.T) {
	o := newOffice(t)
	if got := o.run("ls"); got != "ID  NAME  ORIGINS  UPDATED\n" {
		t.Errorf("nothing is printed as\n%s", got)
	}
	a := o.make("Ähre", "https://a.example")
	b := o.make("b", "https://a.example", "https://b.example", "https://c.example", "https://d.example", "https://e.example")
	c := o.make("c")
	want := fmt.Sprintf(""+
		"ID                                NAME  ORIGINS                                                      UPDATED\n"+
		"%s  b     https://a.example https://b.example https://c.example +2     2020-03-01T00:59:58Z\n"+
		"%s  c                                                                  2020-03-01T00:59:58Z\n"+
		"%s  Ähre  https://a.example                                            2020-03-01T00:59:58Z\n", b.ID, c.ID, a.ID)
	squeezed := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	got := o.run("ls")
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

func TestWebIntegrationLs_FollowsPagesUpToItsLimit(t *testing.T) {
	o := newOffice(t)
	var all []store.WebIntegration
	for i := range 230 {
		all = append(all, o.make(fmt.Sprintf("name %02d", i/5)))
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
		{nil, ids[:10]},
		{[]string{"--limit", "7"}, ids[:7]},
		{[]string{"--limit", "100"}, ids[:100]},
		{[]string{"--limit", "150"}, ids[:150]},
		{[]string{"--limit", "230"}, ids},
		{[]string{"--limit", "1000"}, ids},
		{[]string{"--limit=3", "--sort", "+name"}, ids[:3]},
		{[]string{"--limit", "120", "--sort=-name"}, backwards[:120]},
		{[]string{"--startingAfter=" + ids[199]}, ids[200:210]},
		{[]string{"--limit", "120", "--startingAfter=" + ids[199]}, ids[200:]},
		{[]string{"--endingBefore=" + ids[5], "--limit", "3"}, ids[2:5]},
		{[]string{"--endingBefore=" + ids[5]}, ids[:5]},
		{[]string{"--tenantId", "acme", "--limit", "120"}, ids[:120]},
		{[]string{"--tenantId", "globex"}, nil},
	} {
		if got := strings.Fields(o.run(append([]string{"ls", "-q"}, row.args...)...)); !slices.Equal(got, row.want) {
			t.Errorf("ls %q: %d ids, want %d", row.args, len(got), len(row.want))
		}
	}
	var read []client.WebIntegration
	if err := json.Unmarshal([]byte(o.run("ls", "--json", "--limit", "101")), &read); err != nil || len(read) != 101 || read[100].ID != ids[100] {
		t.Errorf("as JSON: %d, %v", len(read), err)
	}
	if got, want := o.run("ls", "--raw", "--limit", "230"), o.request(collection+"?limit=100"); got != want {
		t.Errorf("--raw is not the first page:\n%s\n%s", got, want)
	}
}

// Pages of long entries are short, and what is asked for comes all the same.
func TestWebIntegrationLs_GathersWhatComesOnShortPages(t *testing.T) {
	o := newOffice(t)
	long := make([]string, 100)
	for i := range long {
		long[i] = fmt.Sprintf("https://%s%d.example", strings.Repeat("\uff41", 200), i)
	}
	var ids []string
	for i := range 25 {
		ids = append(ids, o.make(fmt.Sprintf("name %02d", i), long...).ID)
	}
	for _, row := range []struct {
		args []string
		want []string
	}{
		{nil, ids[:10]},
		{[]string{"--limit", "25"}, ids},
		{[]string{"--limit", "100"}, ids},
		{[]string{"--limit", "7"}, ids[:7]},
		{[]string{"--startingAfter=" + ids[4]}, ids[5:15]},
		{[]string{"--endingBefore=" + ids[20]}, ids[10:20]},
		{[]string{"--endingBefore=" + ids[20], "--limit", "100"}, ids[:20]},
		{[]string{"--endingBefore=" + ids[20], "--limit", "15"}, ids[5:20]},
		{[]string{"--endingBefore=" + ids[0]}, nil},
	} {
		if got := strings.Fields(o.run(append([]string{"ls", "-q"}, row.args...)...)); !slices.Equal(got, row.want) {
			t.Errorf("ls %q: %d ids, want %d", row.args, len(got), len(row.want))
		}
	}
}
