package origins_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"originwarden/origins"
)

func TestPatterns_ParseEntry(t *testing.T) {
	const none, own, hosted = origins.NoPatterns, origins.OwnPatterns, origins.HostedPatterns
	long := strings.Repeat("a", 62)
	rows := []struct {
		entry string
		// needs is the least value that permits the entry, or 3 if none does.
		needs     origins.Patterns
		canonical string // or the problem
	}{
		{"https://app.example.com", none, "https://app.example.com"},
		{"https://*.example.com", own, "https://*.example.com"},
		{"HTTPS://PR-*.Example.COM:443/", own, "https://pr-*.example.com"},
		{"http://*.example.com:80", own, "http://*.example.com"},
		{"https://*.example.com:8443", own, "https://*.example.com:8443"},
		{"https://pr-*-web.example.com", own, "https://pr-*-web.example.com"},
		{"https://a_*.example.com", own, "https://a_*.example.com"},
		{"https://*.example.com.", own, "https://*.example.com."},
		{"https://*.a.b.example.co.uk", own, "https://*.a.b.example.co.uk"},
		{"https://pr-*.bücher.example", own, "https://pr-*.xn--bcher-kva.example"},
		{"https://PR-*.bücher。example", own, "https://pr-*.xn--bcher-kva.example"},
		{"http://*.app.localhost:3000", own, "http://*.app.localhost:3000"},
		{"https://*.corp.internal", own, "https://*.corp.internal"},
		{"https://*.mine.vercel.app", own, "https://*.mine.vercel.app"},
		{"https://*.user.github.io", own, "https://*.user.github.io"},
		{"https://" + long + "*.example.com", own, "https://" + long + "*.example.com"},

		{"https://proj-*-team.vercel.app", hosted, "https://proj-*-team.vercel.app"},
		{"https://abc-*.github.io", hosted, "https://abc-*.github.io"},
		{"https://*-abc.github.io", hosted, "https://*-abc.github.io"},
		{"https://ab*cd.vercel.app:8443", hosted, "https://ab*cd.vercel.app:8443"},
		{"https://abcd*.vercel.app.", hosted, "https://abcd*.vercel.app."},

		{"https://*.vercel.app", 3, "fewer than 4 other characters"},
		{"https://abc*.vercel.app", 3, "fewer than 4 other characters"},
		{"https://a*bc.github.io", 3, "fewer than 4 other characters"},
		{"https://*.com", 3, "suffix of a registry"},
		{"https://proj-*-team.com", 3, "suffix of a registry"},
		{"https://proj-*-team.co.uk", 3, "suffix of a registry"},
		{"https://proj-*-team.co.uk.", 3, "suffix of a registry"},
		{"https://*.example", 3, "top-level domain"},
		{"https://proj-*-team.internal", 3, "top-level domain"},
		{"http://*.localhost:3000", 3, "top-level domain"},
		{"https://*.kawasaki.jp", 3, "for public suffixes"},
		{"https://proj-*-team.kawasaki.jp", 3, "for public suffixes"},
		{"https://*.compute.amazonaws.com", 3, "for public suffixes"},
		{"https://*.ck", 3, "for public suffixes"},
		{"https://*", 3, "no domain"},
		{"https://pr-*", 3, "no domain"},
		{"https://*.", 3, "no domain"},
		{"https://*.:8443", 3, "no domain"},
		{"http://*:3000", 3, "no domain"},

		{"*", 3, "only entries of http and https"},
		{"*.example.com", 3, "only entries of http and https"},
		{"//*.example.com", 3, "only entries of http and https"},
		{"*://app.example.com", 3, "only entries of http and https"},
		{"http*://app.example.com", 3, "only entries of http and https"},
		{"ws://*.example.com", 3, "only entries of http and https"},
		{"app://*.example.com", 3, "only entries of http and https"},
		{"chrome-extension://*", 3, "only entries of http and https"},
		{"https://*.*.example.com", 3, "more than one *"},
		{"https://**.example.com", 3, "more than one *"},
		{"https://a*b*c.example.com", 3, "more than one *"},
		{"https://*.example.com:*", 3, "more than one *"},
		{"https://app.*.example.com", 3, "not in the first label"},
		{"https://app.example.*", 3, "not in the first label"},
		{"https://app.example.com*", 3, "not in the first label"},
		{"https://app.example.com:*", 3, "not in the first label"},
		{"https://app.example.com/*", 3, "not in the first label"},
		{"https://example*", 3, "no domain"},
		{"https://bü*.example.com", 3, "other characters"},
		{"https://*。example.com", 3, "other characters"},
		{"https://xn--*.example.com", 3, "internationalized label"},
		{"https://XN--b*.example.com", 3, "internationalized label"},
		{"https://-*.example.com", 3, "hyphen"},
		{"https://*-.example.com", 3, "hyphen"},
		{"https://*.-example.com", 3, "hyphen"},
		{"https://a" + long + "*.example.com", 3, "not a name"},
		{"https://*..example.com", 3, "not a name"},
		{"https://*.example..com", 3, "not a name"},
		{"https://*.1.2.3", 3, "not a name"},
		{"https://1*.2.3.4", 3, "not a name"},
		{"https://*.0x1", 3, "not a name"},
		{"https://[*.example.com]", 3, "not a name"},
		{"https://[2001:db8::*]", 3, "no domain"},
		{"https://[0000:0000:0000:0000:0000:0000:0000:*]", 3, "no domain"},
		{"https://[0000::*.2.3.4]", 3, "not a name"},
		{"https://[0000::]*.example.com", 3, "not a name"},
		{"https://a%*.example.com", 3, "not a name"},
		{"https://*@a.example.com", 3, "user info"},
		{"https://*/a.example.com", 3, "path"},
		{`https://*\.example.com`, 3, "path"},
		{"https://*?.example.com", 3, "query"},
		{"https://*#.example.com", 3, "fragment"},
		{"https://*:8443.example.com", 3, "port"},
		{"https://*.example.com:0", 3, "port"},
		{"https://*.example.com:", 3, "port"},
		{"https://* .example.com", 3, "space"},
		{"https://*.example.com/path", 3, "path"},
	}
	for _, row := range rows {
		for _, allowed := range []origins.Patterns{none, own, hosted} {
			checkPatternEntry(t, allowed, row.entry, row.needs, row.canonical)
		}
	}
}

// checkPatternEntry checks what one value of the configuration says to an entry.
func checkPatternEntry(t *testing.T, allowed origins.Patterns, entry string, needs origins.Patterns, want string) {
	t.Helper()
	got, err := allowed.ParseEntry(entry)
	if needs <= allowed {
		again, againErr := allowed.ParseEntry(got)
		if got != want || err != nil || again != got || againErr != nil {
			t.Errorf("%v, %q: %q, %v, and again %q, %v; want %q", allowed, entry, got, err, again, againErr, want)
		}
		return
	}
	switch {
	case allowed == origins.NoPatterns:
		want = "(patterns: none)"
	case needs == origins.HostedPatterns:
		want = "(patterns: own)"
	}
	var problem *origins.EntryError
	if !errors.As(err, &problem) || !strings.Contains(problem.Problem, want) || got != "" {
		t.Errorf("%v, %q: %q, %v; want an EntryError with %q", allowed, entry, got, err, want)
	}
}

func TestParseEntry_AcceptsNoPattern(t *testing.T) {
	if got, err := origins.ParseEntry("https://*.example.com"); err == nil {
		t.Errorf("%q, want an error", got)
	}
	if origins.WellFormed("https://*.example.com") {
		t.Error("a pattern is no origin")
	}
}

func TestPatterns_AreNamedAsInTheConfiguration(t *testing.T) {
	if got := fmt.Sprint(origins.NoPatterns, origins.OwnPatterns, origins.HostedPatterns); got != "none own hosted" {
		t.Error(got)
	}
}
