package entries_test

import (
	"slices"
	"strings"
	"testing"

	"originwarden/console/entries"
	"originwarden/origins"
)

func TestSplit_ReadsWhatPeoplePaste(t *testing.T) {
	want := []string{"https://a.example", "https://b.example"}
	for rule, text := range map[string]string{
		"a line each":        "https://a.example\nhttps://b.example",
		"lines of Windows":   "https://a.example\r\nhttps://b.example\r\n",
		"empty lines":        "\n\n https://a.example \n\n\thttps://b.example\n",
		"commas":             "https://a.example, https://b.example,",
		"semicolons":         "https://a.example;https://b.example",
		"spaces":             "https://a.example https://b.example",
		"JSON":               `["https://a.example", "https://b.example"]`,
		"JSON on some lines": "[\n  \"https://a.example\",\n  \"https://b.example\"\n]",
		"single quotes":      "'https://a.example' 'https://b.example'",
	} {
		if got := entries.Split(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q", rule, got)
		}
	}
	if got := entries.Split("https://[::1]:8080"); !slices.Equal(got, []string{"https://[::1]:8080"}) {
		t.Errorf("an IPv6 address: %q", got)
	}
	if got := entries.Split(" \n,"); len(got) != 0 {
		t.Errorf("nothing: %q", got)
	}
}

func TestCheck_TellsOfEachLine(t *testing.T) {
	for _, row := range []struct {
		entry, canonical string
		problem, warning string // parts
		patterns         origins.Patterns
	}{
		{entry: "https://App.Example:443/", canonical: "https://app.example"},
		{entry: "https://münchen.example", canonical: "https://xn--mnchen-3ya.example"},
		{entry: "capacitor://localhost", canonical: "capacitor://localhost"},
		{entry: "http://app.example", canonical: "http://app.example", warning: "not encrypted"},
		{entry: "http://localhost:3000", canonical: "http://localhost:3000", warning: "development"},
		{entry: "http://127.0.0.1", canonical: "http://127.0.0.1", warning: "development"},
		{entry: "http://[::1]:8080", canonical: "http://[::1]:8080", warning: "development"},
		{entry: "https://*.example.com", problem: "pattern"},
		{entry: "https://*.example.com", canonical: "https://*.example.com", warning: "a pattern", patterns: origins.HostedPatterns},
		{entry: "https://app.example/path", problem: "path"},
		{entry: "*", problem: "*"},
		{entry: "null", problem: ""},
	} {
		c := entries.Check("https://other.example\n\n"+row.entry, row.patterns)
		l := c.Lines[1]
		if l.Number != 3 || l.Entry != row.entry || l.Canonical != row.canonical || (l.Problem != "") != (row.canonical == "") ||
			!strings.Contains(l.Problem, row.problem) || !strings.Contains(l.Warning, row.warning) || (l.Warning == "") != (row.warning == "") {
			t.Errorf("%s: %+v", row.entry, l)
		}
	}
}

func TestCheck_FindsTheSameOriginTwice(t *testing.T) {
	c := entries.Check("https://a.example\nhttps://b.example\nhttps://A.example:443", origins.NoPatterns)
	if c.Warnings != 1 || c.Lines[2].Warning != "the same origin is in line 1" {
		t.Errorf("got %+v", c)
	}
}

func TestShown_LeavesOutWhatIsFine(t *testing.T) {
	text := strings.Repeat("https://a.example ", 1) // in line 1
	for i := range 999 {
		text += "\nhttps://n" + strings.Repeat("x", i%50) + ".example:" + string(rune('1'+i%9)) + "00" + string(rune('0'+i%10))
	}
	long := entries.Check(text+"\nhttps://b.example/path", origins.NoPatterns)
	shown := long.Shown()
	if len(shown) > 200 || len(shown)+long.Hidden() != len(long.Lines) {
		t.Errorf("%d of %d lines are shown, %d hidden", len(shown), len(long.Lines), long.Hidden())
	}
	short := entries.Check("https://a.example\nhttps://b.example", origins.NoPatterns)
	if len(short.Shown()) != 2 || short.Hidden() != 0 {
		t.Errorf("of a short text %d lines are shown", len(short.Shown()))
	}
}

func TestMerge_HasBothChanges(t *testing.T) {
	for _, row := range []struct{ rule, base, theirs, mine, want string }{
		{"nobody", "a b", "a b", "a b", "a b"},
		{"only theirs", "a b", "b c", "a b", "b c"},
		{"only mine", "a b", "a b", "b d", "b d"},
		{"both added", "a", "a b", "a c", "a b c"},
		{"both added the same", "a", "a b", "a b", "a b"},
		{"both removed", "a b c", "a b", "b c", "b"},
		{"one removed what the other kept", "a b", "a", "a b c", "a c"},
		{"everything removed by both", "a b", "a", "b", ""},
	} {
		got := entries.Merge(strings.Fields(row.base), strings.Fields(row.theirs), strings.Fields(row.mine))
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}
