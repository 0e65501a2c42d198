package integrations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"originwarden/api/integrations"
	"originwarden/api/problem"
	"originwarden/store"
	"originwarden/store/search"
)

const base = "https://acme.example/api/v1/web-integrations"

var id = strings.Repeat("a", 32)

func TestParse_NamesInvalidParameters(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", ""},
		{"limit=0&sort=-name&q=portal&tenantId=acme", ""},
		{"sort=+name", ""},
		{"startingAfter=" + id, ""},
		{"origin=https%3A%2F%2Fa.example", ""},
		{"limit=101", "limit"},
		{"limit=5&limit=101", ""}, // the first value counts
		{"unknown=1", ""},
		{"limit=-1&sort=id&origin=x&q=" + strings.Repeat("x", 257), "limit sort origin q"},
		{"startingAfter=x", "startingAfter"},
		{"startingAfter=" + id + "&endingBefore=" + id, "endingBefore"},
	} {
		_, err := integrations.Parse(tt.query)
		var got []string
		if response, ok := errors.AsType[*problem.Response](err); ok {
			for _, e := range response.Errors {
				got = append(got, e.Source.Parameter)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q: %v", tt.query, got, tt.want, err)
		}
	}
	if _, err := integrations.Parse("limit=%zz"); err == nil || err.Error() != "BAD_REQUEST" {
		t.Errorf("a query that cannot be parsed: %v", err)
	}
}

func TestPage_LinksRepeatTheQuery(t *testing.T) {
	q, err := integrations.Parse("limit=2&sort=-name&unknown=1&startingAfter=" + id)
	if err != nil || q.Limit != 2 || !q.Descending || q.After != id {
		t.Fatalf("%+v, %v", q, err)
	}
	page := search.Page{Integrations: []store.WebIntegration{{ID: id, Name: "n"}}, Next: strings.Repeat("b", 32), Prev: strings.Repeat("c", 32)}
	document := integrations.NewPage(q, page, base)
	for name, tt := range map[string]struct {
		link *integrations.Link
		want string
	}{
		"self": {document.Links.Self, base + "?limit=2&sort=-name&startingAfter=" + id},
		"next": {document.Links.Next, base + "?limit=2&sort=-name&startingAfter=" + page.Next},
		"prev": {document.Links.Prev, base + "?endingBefore=" + page.Prev + "&limit=2&sort=-name"},
	} {
		if tt.link == nil || tt.link.Href != tt.want {
			t.Errorf("%s is %+v, want %s", name, tt.link, tt.want)
		}
	}
	text, err := json.Marshal(document)
	if err != nil || !strings.HasPrefix(string(text), `{"data":[{"id":"`+id+`","name":"n"`) {
		t.Errorf("%s, %v", text, err)
	}
	if page.Integrations[0].ID != "" {
		t.Error("what is written is still held")
	}
}

func TestQuery_IncludesOnlyItsTenant(t *testing.T) {
	for query, want := range map[string]bool{"": true, "tenantId=acme": true, "tenantId=other": false, "tenantId=": false} {
		q, err := integrations.Parse(query)
		if err != nil || q.Includes("acme") != want {
			t.Errorf("%q: %v, want %v", query, err, want)
		}
	}
}

func TestUnknownCursor_NamesTheParameter(t *testing.T) {
	for _, parameter := range []string{"startingAfter", "endingBefore"} {
		q, err := integrations.Parse(parameter + "=" + id)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.UnknownCursor().Errors[0].Source.Parameter; got != parameter {
			t.Errorf("%q, want %q", got, parameter)
		}
	}
}
