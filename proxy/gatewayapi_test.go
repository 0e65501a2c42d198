package proxy_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/proxy"
)

// conformance is testdata/gateway-api-cors.tsv.
type conformance struct {
	tenants []proxy.Tenant
	lists   map[string][]string // by tenant
	cases   []conformanceCase
}

type conformanceCase struct {
	policy, method, headers, statuses, want, rule string
}

func readConformance(t *testing.T) *conformance {
	t.Helper()
	table, err := os.ReadFile("testdata/gateway-api-cors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	c := &conformance{lists: map[string][]string{}}
	for line := range strings.Lines(string(table)) {
		switch cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); {
		case strings.HasPrefix(line, "#"):
		case cells[0] == "policy" && len(cells) == 9:
			c.addTenant(t, cells[1:])
		case cells[0] == "case" && len(cells) == 7:
			c.cases = append(c.cases, conformanceCase{cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]})
		default:
			t.Fatalf("invalid row: %q", line)
		}
	}
	return c
}

// addTenant adds the tenant of the cells of a policy: its name, what the route has, the
// listed origins, and the keys of cors.
func (c *conformance) addTenant(t *testing.T, cells []string) {
	t.Helper()
	list := func(cell string) []string { return strings.Fields(strings.Trim(cell, "-")) }
	seconds, err := strconv.Atoi(cells[7])
	if err != nil {
		t.Fatal(err)
	}
	cors := &proxy.CORS{Credentials: cells[3] == "true", Methods: list(cells[4]), ExposeHeaders: list(cells[6]), MaxAge: time.Duration(seconds) * time.Second}
	c.lists[cells[0]] = list(cells[2])
	c.tenants = append(c.tenants, proxy.Tenant{ID: cells[0], Hosts: []string{cells[0]}, Mode: proxy.Headers, CORS: cors,
		Policy: origins.Policy{Methods: cors.Methods, RequestHeaders: list(cells[5])}})
}

func (c *conformance) load(_ context.Context, tenant string) (*origins.List, error) {
	return origins.NewList(1, []origins.Part{{ID: "route", Revision: 1, Origins: c.lists[tenant]}}), nil
}

func TestGateway_ConformsToGatewayAPI(t *testing.T) {
	table := readConformance(t)
	if len(table.cases) != 19 {
		t.Fatalf("%d cases, want 19", len(table.cases))
	}
	for _, o := range []options{{lane: "fast"}, {lane: "reference"}, {protocol: http2}} {
		o.load = table.load
		o.tenant = func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "the tenant") }
		o.config = func(c *proxy.Config) {
			upstream := c.Tenants[0].Upstream
			c.Tenants = slices.Clone(table.tenants)
			for i := range c.Tenants {
				c.Tenants[i].Upstream = upstream
			}
		}
		h := newHarness(t, o)
		for _, row := range table.cases {
			rule := o.lane + string(o.protocol) + ", " + row.policy + ": " + row.rule
			headers := append(strings.Split(row.headers, " | "), "Host: "+row.policy)
			if row.method == "PUT" {
				headers = append(headers, "Content-Length: 0")
			}
			got := h.send(request(row.method+" /"+row.policy, headers...))
			if !slices.Contains(strings.Fields(row.statuses), strconv.Itoa(got.StatusCode)) {
				t.Errorf("%s: status %d, want one of %s", rule, got.StatusCode, row.statuses)
			}
			if isTenants := got.body == "the tenant"; isTenants != (row.method != "OPTIONS") {
				t.Errorf("%s: body %q", rule, got.body)
			}
			row.expectFields(t, rule, got)
		}
	}
}

// expectFields checks the header of a response, in which each field has one line.
func (c conformanceCase) expectFields(t *testing.T, rule string, got response) {
	t.Helper()
	for want := range strings.SplitSeq(c.want, " | ") {
		name, values, _ := strings.Cut(want, ": ")
		lines := got.Header.Values(name)
		if values == "-" {
			if lines != nil {
				t.Errorf("%s: %s is %q, want none", rule, name, lines)
			}
			continue
		}
		isGood := func(value string) bool {
			return len(lines) == 1 && slices.Equal(sortedList(lines[0]), sortedList(value))
		}
		if !slices.ContainsFunc(strings.Split(values, " or "), isGood) {
			t.Errorf("%s: %s is %q, want %s", rule, name, lines, values)
		}
	}
}

// sortedList returns the elements of a list in order.
func sortedList(value string) []string {
	all := strings.Split(strings.ReplaceAll(value, " ", ""), ",")
	slices.Sort(all)
	return all
}
