package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/escape"
	"originwarden/origins"
	"originwarden/store"
)

// Mistake is one thing that is wrong with a file.
type Mistake struct {
	Line    int    // counted from 1
	Message string // one printable line
}

// Mistakes are all that is wrong with a file, in the order of its lines. After
// a hundred nothing more is looked for.
type Mistakes []Mistake

const maxMistakes = 100

// Error is a line for each mistake.
func (m Mistakes) Error() string {
	var text strings.Builder
	for i, mistake := range m {
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "line %d: %s", mistake.Line, mistake.Message)
	}
	if len(m) >= maxMistakes {
		text.WriteString("\nthere may be more")
	}
	return text.String()
}

// Read reads a file and holds what it has to the rules of the API. The error is
// Mistakes, or that of from.
func Read(from io.Reader) (*File, error) {
	r := &reader{ids: map[string]int{}, tenants: map[string]int{}}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, MaxLine)
	for r.goesOn() && lines.Scan() {
		r.line++
		r.take(lines.Bytes())
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		r.line++
		r.wrong("the line is longer than %d bytes", MaxLine)
	case err != nil:
		return nil, err
	case r.goesOn() && !r.ended:
		r.line++
		r.wrong("the file is cut off: its last line, which tells how many web integrations there are, is missing")
	}
	if len(r.mistakes) > 0 {
		return nil, r.mistakes
	}
	return &r.file, nil
}

// reader reads a file line by line.
type reader struct {
	file     File
	line     int
	stopped  bool
	ended    bool
	count    int            // of web integrations
	ids      map[string]int // line by the id of a web integration
	tenants  map[string]int // line by the id of a tenant
	mistakes Mistakes
}

func (r *reader) goesOn() bool { return !r.stopped && len(r.mistakes) < maxMistakes }

func (r *reader) wrong(format string, args ...any) {
	if len(r.mistakes) < maxMistakes {
		r.mistakes = append(r.mistakes, Mistake{r.line, escape.Text(fmt.Sprintf(format, args...))})
	}
}

// take takes one line. Without a header of this version no other can be judged,
// and behind the last one there is none.
func (r *reader) take(text []byte) {
	var kind struct {
		End    jsontext.Value `json:"end"`
		Tenant jsontext.Value `json:"tenant"`
	}
	switch {
	case r.line == 1:
		r.header(text)
		r.stopped = len(r.mistakes) > 0
	case r.ended:
		r.wrong("something follows the last line")
		r.stopped = true
	case !r.decode(text, &kind):
	case kind.End != nil:
		r.end(text)
	case kind.Tenant != nil:
		r.tenant(text)
	default:
		r.integration(text)
	}
}

// decode reports whether a line can be read. Names that are given twice, or in
// another case, are none of ours.
func (r *reader) decode(text []byte, into any, options ...json.Options) bool {
	err := json.Unmarshal(text, into, options...)
	switch {
	case jsontext.Value(text).Kind() != '{':
		r.wrong("the line is no JSON object")
	case err != nil:
		r.wrong("the line cannot be read: %v", err)
	default:
		return true
	}
	return false
}

func (r *reader) decodeAll(text []byte, into any) bool {
	return r.decode(text, into, json.RejectUnknownMembers(true))
}

func (r *reader) header(text []byte) {
	var h headerLine
	err := json.Unmarshal(text, &h)
	switch {
	case err != nil || h.Originwarden != export:
		r.wrong("the file is no export: its first line is not one that originwarden export writes")
		return
	case h.Version != Version:
		r.wrong("the file is of version %d, and this originwarden reads version %d", h.Version, Version)
		return
	}
	h = headerLine{}
	switch {
	case !r.decodeAll(text, &h):
	case h.Exported == nil:
		r.wrong("the first line does not tell when the file was exported")
	default:
		r.file.Header = Header{Store: h.Store, Server: h.Server, Revision: h.Revision, Exported: h.Exported.UTC()}
	}
}

func (r *reader) tenant(text []byte) {
	var t tenantLine
	if !r.decodeAll(text, &t) {
		return
	}
	if t.Tenant == "" || strings.ContainsFunc(t.Tenant, unicode.IsControl) {
		r.wrong("the tenant's id is empty or has a control character")
	}
	if first, taken := r.tenants[t.Tenant]; taken {
		r.wrong("tenant %q comes a second time, first in line %d", t.Tenant, first)
	}
	r.tenants[t.Tenant] = r.line
	r.file.Tenants = append(r.file.Tenants, Tenant{ID: t.Tenant, Revision: t.Revision})
}

func (r *reader) end(text []byte) {
	var e endLine
	if !r.decodeAll(text, &e) {
		return
	}
	switch {
	case !e.End || e.Integrations == nil:
		r.wrong("the last line does not tell how many web integrations there are")
	case *e.Integrations != r.count:
		r.wrong("the file has %d web integrations, and %d were exported", r.count, *e.Integrations)
	}
	r.ended = true
}

func (r *reader) integration(text []byte) {
	r.count++
	var l integrationLine
	if !r.decodeAll(text, &l) {
		return
	}
	before := len(r.mistakes)
	r.check(&l)
	if len(r.mistakes) == before {
		t := &r.file.Tenants[len(r.file.Tenants)-1]
		t.Integrations = append(t.Integrations, l.integration())
	}
}

// check holds a web integration to what the API takes and makes.
func (r *reader) check(l *integrationLine) {
	if !isID(l.ID) {
		r.wrong("the id %.80q is not 32 characters of A-Z a-z 0-9 _ -", l.ID)
	} else if first, taken := r.ids[l.ID]; taken {
		r.wrong("the id %s comes a second time, first in line %d", l.ID, first)
	} else {
		r.ids[l.ID] = r.line
	}
	r.checkTenant(l.TenantID)
	if problem := store.NameProblem(l.Name); problem != "" {
		r.wrong("%s", problem)
	}
	if l.CreatedBy != "" && !origins.IsSubject(l.CreatedBy) {
		r.wrong("createdBy is longer than %d characters, or has a control character", origins.MaxSubjectLength)
	}
	if l.Created == nil || l.LastUpdated == nil {
		r.wrong("created or lastUpdated is missing")
	}
	if l.ValidOrigins == nil {
		r.wrong("validOrigins is missing")
	}
	problems := store.OriginProblems(l.ValidOrigins)
	for _, i := range slices.Sorted(maps.Keys(problems)) {
		r.wrong("/validOrigins/%d of %q: %v", i, l.Name, problems[i])
	}
}

// checkTenant wants a web integration to stand behind its tenant's line.
func (r *reader) checkTenant(id string) {
	if len(r.file.Tenants) == 0 {
		r.wrong("no line of a tenant is before that of the web integration")
		return
	}
	if t := r.file.Tenants[len(r.file.Tenants)-1]; t.ID != id {
		r.wrong("the web integration is of tenant %.80q, and stands among those of %.80q", id, t.ID)
	}
}

// isID reports whether id is one that the API takes.
func isID(id string) bool {
	return len(id) == 32 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}
