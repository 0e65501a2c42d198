package refused_test

import (
	"strings"
	"testing"
	"time"

	"originwarden/console/refused"
	"originwarden/origins"
)

var now = time.Date(2026, 5, 30, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

const day = 24 * time.Hour

func newList() *origins.List {
	return origins.NewList(1, []origins.Part{{ID: "a", Revision: 1, Origins: []string{"https://listed.example.com", "https://*.example.org"}}})
}

func refusal(origin string, reason origins.Reason, count uint64, first, last time.Duration) refused.Refusal {
	return refused.Refusal{Origin: origin, Reason: reason, Count: count, First: ago(first), Last: ago(last), Method: "GET", Path: "/" + string(reason)}
}

func TestOf_HasEachOriginOnce(t *testing.T) {
	all := refused.Of([]refused.Refusal{
		refusal("https://b.example", origins.OriginNotListed, 3, 3*day, 2*day),
		refusal("https://a.example", origins.OriginNotListed, 5, 2*day, time.Hour),
		refusal("https://b.example", origins.HeaderNotAllowed, 4, day, time.Minute),
	}, newList(), origins.NoPatterns)
	if len(all) != 2 || all[0].Origin != "https://b.example" || all[1].Origin != "https://a.example" {
		t.Fatalf("%+v", all)
	}
	b := all[0]
	if b.Count != 7 || !b.First.Equal(ago(3*day)) || !b.Last.Equal(ago(time.Minute)) || b.Path != "/header_not_allowed" || b.Reasons[0].Reason != origins.HeaderNotAllowed {
		t.Errorf("%+v", b)
	}
}

func TestOrigin_MayListAndIsOpen(t *testing.T) {
	dismissed := refusal("https://a.example", origins.OriginNotListed, 1, day, day)
	dismissed.Dismissed = now
	for _, row := range []struct {
		rule          string
		refusal       refused.Refusal
		list          *origins.List
		mayList, open bool
	}{
		{"not listed", refusal("https://a.example", origins.OriginNotListed, 1, day, day), newList(), true, true},
		{"not listed, while there is no list", refusal("https://a.example", origins.OriginNotListed, 1, day, day), nil, true, true},
		{"listed since", refusal("https://listed.example.com", origins.OriginNotListed, 1, day, day), newList(), false, false},
		{"listed since by a pattern", refusal("https://a.example.org", origins.OriginNotListed, 1, day, day), newList(), false, false},
		{"listed by another integration", refusal("https://listed.example.com", origins.OriginNotInWebIntegration, 1, day, day), newList(), false, true},
		{"listed, with another header", refusal("https://listed.example.com", origins.HeaderNotAllowed, 1, day, day), newList(), false, true},
		{"malformed", refusal("https://a.example/", origins.OriginMalformed, 1, day, day), newList(), false, true},
		{"null", refusal("null", origins.OriginOpaque, 1, day, day), newList(), false, true},
		{"well formed, but no entry", refusal("https://-a.example", origins.OriginNotListed, 1, day, day), newList(), false, true},
		{"no origin", refusal("", origins.OriginRequired, 1, day, day), newList(), false, true},
		{"dismissed", dismissed, newList(), true, false},
	} {
		o := refused.Of([]refused.Refusal{row.refusal}, row.list, origins.HostedPatterns)[0]
		if hasProblem := o.EntryProblem() != ""; hasProblem != strings.Contains(row.rule, "but no entry") {
			t.Errorf("%s: problem %q", row.rule, o.EntryProblem())
		}
		if o.MayList() != row.mayList || o.IsOpen() != row.open {
			t.Errorf("%s: may list %v, open %v", row.rule, o.MayList(), o.IsOpen())
		}
	}
}

func TestView_Select(t *testing.T) {
	dismissed := refusal("https://d.example", origins.OriginNotListed, 9, day, day)
	dismissed.Dismissed = now
	all := refused.Of([]refused.Refusal{
		refusal("https://a.example", origins.OriginNotListed, 1, day, time.Second),
		refusal("https://b.example", origins.OriginNotListed, 5, day, time.Minute),
		refusal("null", origins.OriginOpaque, 3, day, time.Hour),
		refusal("https://listed.example.com", origins.OriginNotListed, 1, day, 2*time.Hour),
		dismissed,
	}, newList(), origins.NoPatterns)
	for _, row := range []struct {
		view refused.View
		want string
	}{
		{refused.View{}, "https://a.example https://b.example null"},
		{refused.View{Show: "x"}, "https://a.example https://b.example null"},
		{refused.View{ByCount: true}, "https://b.example null https://a.example"},
		{refused.View{Show: refused.Dismissed}, "https://d.example"},
		{refused.View{Show: refused.All}, "https://a.example https://b.example null https://listed.example.com https://d.example"},
		{refused.View{Query: " B.Example "}, "https://b.example"},
		{refused.View{Reason: "origin_opaque"}, "null"},
	} {
		var got []string
		for _, o := range row.view.Select(all) {
			got = append(got, o.Origin)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%+v: %q", row.view, got)
		}
	}
}

func TestAssess(t *testing.T) {
	of := func(all ...refused.Refusal) []refused.Origin { return refused.Of(all, newList(), origins.NoPatterns) }
	recent := refusal("https://d.example", origins.OriginNotListed, 9, 6*day, day)
	recent.Dismissed = now
	long, short := refused.Observation{Recent: true, Since: ago(8 * day)}, refused.Observation{Recent: true, Since: ago(7*day - time.Minute)}
	for _, row := range []struct {
		rule string
		all  []refused.Origin
		seen refused.Observation
		want refused.Advice
	}{
		{"an open origin", of(refusal("https://a.example", origins.OriginNotListed, 1, 30*day, day)), long, refused.Decide},
		{"a new origin, dismissed", of(recent), long, refused.Ready},
		{"a new origin, dismissed, within a week", of(recent), short, refused.Observe},
		{"a new origin, listed since", of(refusal("https://listed.example.com", origins.OriginNotListed, 1, day, day)), long, refused.Wait},
		{"an old origin, listed since", of(refusal("https://listed.example.com", origins.OriginNotListed, 1, 8*day, day)), long, refused.Ready},
		{"an old origin, listed since, but not observed for a week", of(refusal("https://listed.example.com", origins.OriginNotListed, 1, 8*day, day)), short, refused.Observe},
		{"an old origin, listed since, and no known beginning", of(refusal("https://listed.example.com", origins.OriginNotListed, 1, 8*day, day)), refused.Observation{Recent: true}, refused.Observe},
		{"nothing", nil, long, refused.Ready},
		{"nothing, within a week", nil, short, refused.Observe},
		{"nothing, and no requests", nil, refused.Observation{}, refused.SeeTraffic},
		{"nothing, and no requests for an hour", nil, refused.Observation{Since: ago(8 * day)}, refused.SeeTraffic},
		{"nothing that is known, without the store", nil, refused.Observation{Partial: true, Recent: true, Since: ago(8 * day)}, refused.SeeStore},
		{"an open origin, without the store", of(refusal("https://a.example", origins.OriginNotListed, 1, day, day)), refused.Observation{Partial: true, Recent: true, Since: ago(8 * day)}, refused.SeeStore},
	} {
		if got := refused.Assess(row.all, row.seen, now); got.Advice != row.want {
			t.Errorf("%s: %s", row.rule, got.Advice)
		}
	}
}

func TestAssess_LeavesOutRequestsWithoutOneOrigin(t *testing.T) {
	all := refused.Of([]refused.Refusal{refusal("", origins.OriginMalformed, 3, day, day)}, newList(), origins.NoPatterns)
	got := refused.Assess(all, refused.Observation{Recent: true, Since: ago(8 * day)}, now)
	if got.Advice != refused.Ready || len(got.Breaks) != 0 || !got.Newest.IsZero() || got.NoOrigin == nil || got.NoOrigin.Count != 3 {
		t.Errorf("%+v", got)
	}
}

func TestAssess_SaysSinceWhen(t *testing.T) {
	all := refused.Of([]refused.Refusal{refusal("https://listed.example.com", origins.OriginNotListed, 1, 8*day, day)}, newList(), origins.NoPatterns)
	for _, row := range []struct {
		rule  string
		all   []refused.Origin
		since time.Duration
		want  time.Duration
	}{
		{"no refusal", nil, 2 * day, 2 * day},
		{"a refusal before a gap", all, 2 * day, 2 * day},
		{"a refusal after the beginning", all, 9 * day, 9 * day},
	} {
		if got := refused.Assess(row.all, refused.Observation{Recent: true, Since: ago(row.since)}, now); !got.Since.Equal(ago(row.want)) {
			t.Errorf("%s: %v", row.rule, got.Since)
		}
	}
}
