package origins_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"originwarden/origins"
)

// patternCase is a row of testdata/patterns.tsv.
type patternCase struct{ value, verdict, pattern, why string }

// readPatternCases returns the rows of testdata/patterns.tsv and the entries of the
// list that decides about them.
func readPatternCases(t testing.TB) (cases []patternCase, entries []string) {
	t.Helper()
	file, err := os.Open("testdata/patterns.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if _, list, ok := strings.Cut(lines.Text(), " The list they are held against: "); ok {
			entries = strings.Fields(list)
		}
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) != 4 {
			t.Fatalf("row with %d columns: %q", len(columns), lines.Text())
		}
		cases = append(cases, patternCase{columns[0], columns[1], strings.TrimPrefix(columns[2], "-"), columns[3]})
	}
	if len(cases) < 80 || len(entries) < 10 {
		t.Fatalf("read %d cases and %d entries", len(cases), len(entries))
	}
	return cases, entries
}

// newPatternList is like newPaddedList, with patterns among the entries, and with
// patterns of other domains in the padding.
func newPatternList(t testing.TB, size int, entries []string) *origins.List {
	t.Helper()
	wanted := origins.Part{ID: "wanted", Revision: 2}
	for _, entry := range entries {
		canonical, err := origins.HostedPatterns.ParseEntry(entry)
		if err != nil {
			t.Fatal(err)
		}
		wanted.Origins = append(wanted.Origins, canonical)
	}
	padding := origins.Part{ID: "patterns", Revision: 2}
	for i := range min(size, 10_000) {
		padding.Origins = append(padding.Origins, fmt.Sprintf("https://pr-*.app-%d.padding.example", i))
	}
	list := newPaddedList(t, size, "https://padding.example")
	return list.With(origins.Change{Tenant: "acme", Part: wanted}).With(origins.Change{Tenant: "acme", Part: padding})
}

func TestDecide_PatternCasesAtEverySize(t *testing.T) {
	cases, entries := readPatternCases(t)
	reasons := map[string]origins.Reason{
		"listed":     origins.Listed,
		"not_listed": origins.OriginNotListed,
		"malformed":  origins.OriginMalformed,
		"opaque":     origins.OriginOpaque,
	}
	sizes := []int{1, 100, 10_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:3]
	}
	policy := origins.Policy{Patterns: origins.HostedPatterns}
	for _, size := range sizes {
		list := newPatternList(t, size, entries)
		for _, c := range cases {
			want, ok := reasons[c.verdict]
			if !ok {
				t.Fatalf("unknown verdict %q", c.verdict)
			}
			request := origins.Request{Method: "GET", Origin: []string{c.value}}
			if got := decide(t, &policy, &request, list); got != want {
				t.Errorf("%d origins, %q: %v, want %v (%s)", size, c.value, got, want, c.why)
			}
			if want != origins.Listed {
				continue
			}
			if reason, pattern := policy.DecideByList(&request, list); reason != want || pattern != c.pattern {
				t.Errorf("%d origins, %q: %v by %q, want %q (%s)", size, c.value, reason, pattern, c.pattern, c.why)
			}
			request.Integration.Add("wanted")
			if reason, pattern := policy.DecideByList(&request, list); reason != want || pattern != c.pattern {
				t.Errorf("%d origins, %q in its web integration: %v by %q, want %q (%s)", size, c.value, reason, pattern, c.pattern, c.why)
			}
		}
	}
}

// A pattern that the tenant's configuration does not permit, for example because it
// was changed, matches nothing.
func TestDecide_PermitsConfiguredPatterns(t *testing.T) {
	const (
		own, hosted, exact = "https://*.example.com", "https://proj-*.vercel.app", "https://app.example.net"
		noLonger           = "https://*.github.io" // as of another Public Suffix List
	)
	list := origins.NewList(1, []origins.Part{{ID: "one", Origins: []string{own, hosted, exact, noLonger}}, {ID: "two"}})
	rows := []struct {
		rule        string
		patterns    origins.Patterns
		origin      string
		integration string
		want        origins.Reason
		pattern     string
	}{
		{"exact entry", origins.NoPatterns, exact, "", origins.Listed, ""},
		{"none permits no pattern", origins.NoPatterns, "https://a.example.com", "", origins.OriginNotListed, own},
		{"none permits no pattern of a web integration", origins.NoPatterns, "https://a.example.com", "one", origins.OriginNotInWebIntegration, own},
		{"own permits own", origins.OwnPatterns, "https://a.example.com", "", origins.Listed, own},
		{"own permits own in its web integration", origins.OwnPatterns, "https://a.example.com", "one", origins.Listed, own},
		{"not in another web integration", origins.OwnPatterns, "https://a.example.com", "two", origins.OriginNotInWebIntegration, ""},
		{"not in an unknown web integration", origins.OwnPatterns, "https://a.example.com", "three", origins.WebIntegrationUnknown, ""},
		{"own does not permit hosted", origins.OwnPatterns, "https://proj-1.vercel.app", "", origins.OriginNotListed, hosted},
		{"hosted permits own", origins.HostedPatterns, "https://a.example.com", "", origins.Listed, own},
		{"hosted permits hosted", origins.HostedPatterns, "https://proj-1.vercel.app", "", origins.Listed, hosted},
		{"pattern that nothing permits", origins.HostedPatterns, "https://a.github.io", "", origins.OriginNotListed, ""},
		{"no pattern", origins.HostedPatterns, "https://a.example.org", "", origins.OriginNotListed, ""},
	}
	for _, row := range rows {
		policy := origins.Policy{Patterns: row.patterns}
		request := origins.Request{Method: "GET", Origin: []string{row.origin}}
		if row.integration != "" {
			request.Integration.Add(row.integration)
		}
		got, pattern := policy.DecideByList(&request, list)
		if got != row.want || pattern != row.pattern || decide(t, &policy, &request, list) != row.want {
			t.Errorf("%s: %v by %q, want %v by %q", row.rule, got, pattern, row.want, row.pattern)
		}
	}
}

func TestDecide_DoesNotAllocateForPatterns(t *testing.T) {
	cases, entries := readPatternCases(t)
	list := newPatternList(t, 10_000, entries)
	policy := &origins.Policy{Patterns: origins.HostedPatterns}
	for _, c := range cases {
		if c.verdict == "malformed" {
			continue // an invalid IP address allocates an error
		}
		request := origins.Request{Method: "GET", Origin: []string{c.value}}
		byID := request
		byID.Integration.Add("wanted")
		if allocated := testing.AllocsPerRun(10, func() { policy.Decide(&request, list); policy.Decide(&byID, list) }); allocated != 0 {
			t.Errorf("%q: %v allocations, want 0", c.value, allocated)
		}
	}
}

// naivePattern returns what the "*" of a pattern means, as a regular expression.
func naivePattern(entry string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.Replace(regexp.QuoteMeta(entry), `\*`, "[a-z0-9-]{1,63}", 1) + "$")
}

// naiveMatch reports whether any of the patterns matches a well-formed origin.
func naiveMatch(patterns map[string]*regexp.Regexp, origin string) bool {
	_, authority, _ := strings.Cut(origin, "://")
	label, _, _ := strings.Cut(authority, ".")
	if strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
		return false
	}
	for _, p := range patterns {
		if p.MatchString(origin) {
			return true
		}
	}
	return false
}

func FuzzList_MatchAgreesWithRegularExpressions(f *testing.F) {
	cases, entries := readPatternCases(f)
	for _, c := range cases {
		f.Add(strings.Join(entries, " "), c.value, uint64(1))
	}
	f.Add("https://a*a.example.com https://aa*.example.com https://*aa.example.com https://a*.example.com https://*.example.com", "https://aaa.example.com", uint64(2))
	f.Fuzz(func(t *testing.T, entries, origin string, seed uint64) {
		patterns := map[string]*regexp.Regexp{}
		var part origins.Part
		for _, entry := range strings.Fields(entries) {
			canonical, err := origins.HostedPatterns.ParseEntry(entry)
			if err != nil || !strings.Contains(canonical, "*") {
				continue
			}
			if again, err := origins.HostedPatterns.ParseEntry(canonical); again != canonical || err != nil {
				t.Fatalf("%q is parsed as %q, and that as %q, %v", entry, canonical, again, err)
			}
			patterns[canonical] = naivePattern(canonical)
			part.Origins = append(part.Origins, canonical)
		}
		if !origins.WellFormed(origin) {
			return
		}
		part.ID = "one"
		loaded := origins.NewList(1, []origins.Part{part})
		grown := origins.NewList(0, nil)
		for i, entry := range rand.New(rand.NewPCG(seed, 1)).Perm(len(part.Origins)) {
			grown = grown.With(newChange(fmt.Sprint("part-", i), uint64(i+1), part.Origins[entry]))
		}
		want := naiveMatch(patterns, origin)
		for _, list := range []*origins.List{loaded, grown} {
			listed, pattern := list.Match(origin, origins.HostedPatterns)
			if listed != want || listed != (pattern != "") || listed && !patterns[pattern].MatchString(origin) {
				t.Fatalf("%q by %q: listed %v by %q, want %v", origin, part.Origins, listed, pattern, want)
			}
		}
	})
}

// After random changes in random order, a list matches what a plain search finds.
func TestList_PatternsFollowChanges(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		plain := map[string]map[string]*regexp.Regexp{}
		list := origins.NewList(0, nil)
		for revision := uint64(1); revision < 60; revision++ {
			c := newChange(fmt.Sprint("part-", random.IntN(6)), revision, randomPatterns(random)...)
			plain[c.ID] = map[string]*regexp.Regexp{}
			if c.Deleted = random.IntN(4) == 0; !c.Deleted {
				for _, entry := range c.Origins {
					plain[c.ID][entry] = naivePattern(entry)
				}
			}
			if list = list.With(c); random.IntN(10) == 0 {
				list = restoreShuffled(random, list)
			}
			for range 40 {
				checkMatchesPlainly(t, list, plain, strings.Replace(randomPattern(random), "*", randomLabel(random), 1))
			}
		}
		for id := range plain {
			list = list.With(newDeletion(id, 100))
		}
		if listed, pattern := list.Match("https://a.example.com", origins.HostedPatterns); listed || pattern != "" {
			t.Errorf("an empty list has the pattern %q", pattern)
		}
	}
}

func checkMatchesPlainly(t *testing.T, list *origins.List, plain map[string]map[string]*regexp.Regexp, origin string) {
	t.Helper()
	union := false
	for id, patterns := range plain {
		want := naiveMatch(patterns, origin)
		union = union || want
		if _, listed, pattern := list.PartMatch(id, origin, origins.OwnPatterns); listed != want || want && patterns[pattern] == nil {
			t.Fatalf("%q in %s: %v by %q, want %v", origin, id, listed, pattern, want)
		}
	}
	if listed, pattern := list.Match(origin, origins.OwnPatterns); listed != union || listed != (pattern != "") {
		t.Fatalf("%q: %v by %q, want %v", origin, listed, pattern, union)
	}
}

func randomPatterns(random *rand.Rand) []string {
	some := make([]string, random.IntN(60))
	for i := range some {
		some[i] = randomPattern(random)
	}
	return some
}

// randomPattern returns one of few patterns, so that many of them match.
func randomPattern(random *rand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	return pick("http", "https") + "://" + pick("", "a", "aa", "a-", "b") + "*" + pick("", "a", "aa", "-a", "b") + "." + pick("example.com", "a.example.com", "example.com:8443")
}

func randomLabel(random *rand.Rand) string {
	label := make([]byte, random.IntN(4))
	for i := range label {
		label[i] = "aab-_"[random.IntN(5)]
	}
	return string(label)
}

func TestList_NearestPattern(t *testing.T) {
	list := origins.NewList(1, []origins.Part{
		{ID: "one", Origins: []string{"https://pr-*.example.com:8443", "https://pr-*.example.com", "https://proj-*.vercel.app"}},
		{ID: "two", Origins: []string{"https://www.example.net"}},
	})
	rows := []struct {
		origin   string
		allowed  origins.Patterns
		relation origins.Relation
		entry    string
	}{
		{"https://pr-1.example.com", origins.OwnPatterns, origins.OtherIntegration, "https://pr-*.example.com"},
		{"https://pr-1.example.com", origins.NoPatterns, origins.PatternNotAllowed, "https://pr-*.example.com"},
		{"https://proj-1.vercel.app", origins.OwnPatterns, origins.PatternNotAllowed, "https://proj-*.vercel.app"},
		{"http://pr-1.example.com", origins.OwnPatterns, origins.OtherScheme, "https://pr-*.example.com"},
		{"http://pr-1.example.com", origins.NoPatterns, origins.OtherScheme, "https://pr-*.example.com"},
		{"https://pr-1.example.com:8444", origins.OwnPatterns, origins.OtherPort, "https://pr-*.example.com"},
		{"https://main.example.com", origins.OwnPatterns, origins.OtherLabel, "https://pr-*.example.com"},
		{"https://pr-.example.com", origins.OwnPatterns, origins.OtherLabel, "https://pr-*.example.com"},
		{"https://example.com", origins.OwnPatterns, origins.OtherLabel, "https://pr-*.example.com"},
		{"https://x.pr-1.example.com", origins.OwnPatterns, origins.OtherLabel, "https://pr-*.example.com"},
		{"https://x.main.example.com", origins.OwnPatterns, "", ""},
		{"https://www2.example.net", origins.OwnPatterns, origins.OtherLabel, "https://www.example.net"},
		{"https://pr-1.evil.test", origins.OwnPatterns, "", ""},
	}
	for _, row := range rows {
		want := origins.NearMiss{Relation: row.relation, Entry: row.entry}
		if got := list.Nearest(row.origin, row.allowed); got != want {
			t.Errorf("Nearest(%s, %v) = %+v, want %+v", row.origin, row.allowed, got, want)
		}
	}
}

// nestedPatterns returns patterns with every length of text before and after the "*",
// all of which match a long label: there can be about two thousand below one domain,
// however many other patterns there are.
func nestedPatterns() (entries []string) {
	for before := range 62 {
		for after := range 62 - before {
			entries = append(entries, "https://"+strings.Repeat("a", before)+"*"+strings.Repeat("a", after)+".example.com")
		}
	}
	return entries
}

func TestList_MatchNamesLongestText(t *testing.T) {
	list := origins.NewList(1, []origins.Part{{ID: "one", Origins: nestedPatterns()}})
	for _, row := range []struct{ label, want string }{
		{strings.Repeat("a", 63), "https://" + strings.Repeat("a", 61) + "*.example.com"},
		{strings.Repeat("a", 62) + "b", "https://" + strings.Repeat("a", 61) + "*.example.com"},
		{"b" + strings.Repeat("a", 62), "https://*" + strings.Repeat("a", 61) + ".example.com"},
		{"aaab", "https://aaa*.example.com"},
		{"baaa", "https://*aaa.example.com"},
		{"a", "https://*.example.com"},
	} {
		if listed, pattern := list.Match("https://"+row.label+".example.com", origins.OwnPatterns); !listed || pattern != row.want {
			t.Errorf("%s: %v by %q, want %q", row.label, listed, pattern, row.want)
		}
	}
}
