package decide_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// An outcome is what becomes of a request: what its client sees, and what the application
// gets.
type outcome struct {
	status  int
	code    string // of a refusal
	nearest string // entry, in the body of a refusal
	header  string // the CORS headers, Vary, Set-Cookie, Retry-After and Cache-Control, one line each
	reached string // the requests that the application got
}

func readOutcome(t *testing.T, connection io.Reader, r request) outcome {
	t.Helper()
	method, _, _ := strings.Cut(r.line, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", r, err)
	}
	return newOutcome(t, response)
}

func newOutcome(t *testing.T, response *http.Response) outcome {
	t.Helper()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return outcome{status: response.StatusCode} // CORS headers mean nothing here
	}
	o := outcome{status: response.StatusCode, header: describeHeader(response.Header)}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var refusal struct {
		Errors []struct {
			Code string
			Meta struct {
				Nearest struct{ Relation, Entry string }
			}
		}
	}
	if json.Unmarshal(body, &refusal) == nil && len(refusal.Errors) == 1 {
		first := refusal.Errors[0]
		o.code, o.nearest = first.Code, strings.TrimSpace(first.Meta.Nearest.Relation+" "+first.Meta.Nearest.Entry)
	}
	return o
}

// describeHeader returns the lines that the decision is about. Lists have their elements
// in alphabetical order, and Vary is one line.
func describeHeader(header http.Header) string {
	var lines []string
	for name, values := range header {
		if name == "Vary" {
			values = []string{strings.Join(values, ",")}
		} else if !strings.HasPrefix(name, "Access-Control-") && name != "Set-Cookie" && name != "Retry-After" && name != "Cache-Control" {
			continue
		}
		for _, value := range values {
			lines = append(lines, name+": "+sortList(value))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func sortList(value string) string {
	elements := strings.Split(value, ",")
	for i := range elements {
		elements[i] = strings.TrimSpace(elements[i])
	}
	slices.Sort(elements)
	return strings.Join(elements, ", ")
}

// describeRequests sets what the application got. The URL of a request may be in fields too.
func (o *outcome) describeRequests(requests []received) {
	for _, r := range requests {
		o.reached += r.line
		for _, name := range []string{
			"Origin", "Upgrade", "Connection", "Cookie", "Authorization", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Original-Url", "X-Original-Uri",
			"X-Original-Path", "X-Original-Method", "X-Rewrite-Url", "X-Replaced-Path", "X_original_url",
		} {
			if lines := r.header[name]; lines != nil {
				o.reached += fmt.Sprintf(", %s %q", name, lines)
			}
		}
		o.reached = strings.Replace(o.reached, `Connection ["Upgrade"]`, `Connection ["upgrade"]`, 1)
		o.reached += fmt.Sprintf(", body %q\n", r.body)
	}
}

// atEdge returns the outcome that the product's response shows, if o is that in the path.
func (o outcome) atEdge(p product) outcome {
	if p.dialect == "nginx" {
		o.code, o.nearest = strings.ToLower(o.code), "" // it has the reason
		if o.status > 400 && o.status != http.StatusServiceUnavailable {
			o.status = http.StatusForbidden
		}
	}
	return o
}
