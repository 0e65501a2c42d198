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

	"originwarden/envelope/escape"
	"originwarden/origins"
	"originwarden/store"
)

// Mistake is one mistake in a file.
type Mistake struct {
	Line    int    // from 1
	Message string // one printable line
}

// Mistakes are the mistakes in a file, in the order of its lines: a hundred at most.
type Mistakes []Mistake

const maxMistakes = 100

// Error returns one line for each mistake.
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

// Read reads a file and checks it by the rules of the API, with the patterns that each
// tenant's entries may have. The error is Mistakes or an error of from.
func Read(from io.Reader, patterns func(tenant string) origins.Patterns) (*File, error) {
	r := &reader{patterns: patterns, ids: map[string]int{}, tenants: map[string]int{}}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, MaxLine)
	for r.wantsMore() && lines.Scan() {
		r.line++
		r.readLine(lines.Bytes())
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		r.line++
		r.addMistake("the line is longer than %d bytes", MaxLine)
	case err != nil:
		return nil, err
	case r.wantsMore() && !r.ended:
		r.line++
		r.addMistake("the file is cut off: its last line, which tells how many web integrations there are, is missing")
	}
	if len(r.mistakes) > 0 {
		return nil, r.mistakes
	}
	return &r.file, nil
}

// reader reads a file line by line.
type reader struct {
	patterns func(tenant string) origins.Patterns
	file     File
	line     int
	stopped  bool
	ended    bool
	count    int            // of web integrations
	ids      map[string]int // lines by the ids of web integrations
	tenants  map[string]int // lines by the ids of tenants
	mistakes Mistakes
}

func (r *reader) wantsMore() bool { return !r.stopped && len(r.mistakes) < maxMistakes }

func (r *reader) addMistake(format string, args ...any) {
	if len(r.mistakes) < maxMistakes {
		r.mistakes = append(r.mistakes, Mistake{r.line, escape.Text(fmt.Sprintf(format, args...))})
	}
}

// readLine reads one line. It stops after an invalid header and at a line after the
// end.
func (r *reader) readLine(text []byte) {
	var kind struct {
		End    jsontext.Value `json:"end"`
		Tenant jsontext.Value `json:"tenant"`
	}
	switch {
	case r.line == 1:
		r.readHeader(text)
		r.stopped = len(r.mistakes) > 0
	case r.ended:
		r.addMistake("unexpected line after the last one")
		r.stopped = true
	case !r.decode(text, &kind):
	case kind.End != nil:
		r.readEnd(text)
	case kind.Tenant != nil:
		r.readTenant(text)
	default:
		r.readIntegration(text)
	}
}

// decode decodes a line, and reports whether that succeeded. Duplicate names are
// errors.
func (r *reader) decode(text []byte, into any, options ...json.Options) bool {
	err := json.Unmarshal(text, into, options...)
	switch {
	case jsontext.Value(text).Kind() != '{':
		r.addMistake("the line is not a JSON object")
	case err != nil:
		r.addMistake("the line cannot be read: %v", err)
	default:
		return true
	}
	return false
}

// decodeStrict also refuses unknown members, and so names in another case.
func (r *reader) decodeStrict(text []byte, into any) bool {
	return r.decode(text, into, json.RejectUnknownMembers(true))
}

func (r *reader) readHeader(text []byte) {
	var h headerLine
	err := json.Unmarshal(text, &h)
	switch {
	case err != nil || h.Originwarden != export:
		r.addMistake("the file is not an export: its first line is not one that originwarden export writes")
		return
	case h.Version != Version:
		r.addMistake("the file is of version %d, and this originwarden reads version %d", h.Version, Version)
		return
	}
	h = headerLine{} // again, strictly: a newer version may have other members
	switch {
	case !r.decodeStrict(text, &h):
	case h.Exported == nil:
		r.addMistake("the first line does not say when the file was exported")
	default:
		r.file.Header = Header{Store: h.Store, Server: h.Server, Revision: h.Revision, Exported: h.Exported.UTC()}
	}
}

func (r *reader) readTenant(text []byte) {
	var t tenantLine
	if !r.decodeStrict(text, &t) {
		return
	}
	if t.Tenant == "" || strings.ContainsFunc(t.Tenant, unicode.IsControl) {
		r.addMistake("the tenant's id is empty or has a control character")
	}
	if first, taken := r.tenants[t.Tenant]; taken {
		r.addMistake("tenant %q comes a second time, first in line %d", t.Tenant, first)
	}
	r.tenants[t.Tenant] = r.line
	r.file.Tenants = append(r.file.Tenants, Tenant{ID: t.Tenant, Revision: t.Revision})
}

func (r *reader) readEnd(text []byte) {
	var e endLine
	if !r.decodeStrict(text, &e) {
		return
	}
	switch {
	case !e.End || e.Integrations == nil:
		r.addMistake("the last line does not say how many web integrations there are")
	case *e.Integrations != r.count:
		r.addMistake("the file has %d web integrations, and %d were exported", r.count, *e.Integrations)
	}
	r.ended = true
}

func (r *reader) readIntegration(text []byte) {
	r.count++
	var l integrationLine
	if !r.decodeStrict(text, &l) {
		return
	}
	before := len(r.mistakes)
	r.checkIntegration(&l)
	if len(r.mistakes) == before {
		t := &r.file.Tenants[len(r.file.Tenants)-1]
		t.Integrations = append(t.Integrations, l.integration())
	}
}

// checkIntegration checks a web integration by the rules of the API.
func (r *reader) checkIntegration(l *integrationLine) {
	if !store.IsID(l.ID) {
		r.addMistake("the id %.80q is not 32 characters of A-Z a-z 0-9 _ -", l.ID)
	} else if first, taken := r.ids[l.ID]; taken {
		r.addMistake("the id %s comes a second time, first in line %d", l.ID, first)
	} else {
		r.ids[l.ID] = r.line
	}
	r.checkTenant(l.TenantID)
	if problem := store.NameProblem(l.Name); problem != "" {
		r.addMistake("%s", problem)
	}
	if l.CreatedBy != "" && !origins.IsSubject(l.CreatedBy) {
		r.addMistake("createdBy is longer than %d characters, or has a control character", origins.MaxSubjectLength)
	}
	if l.Created == nil || l.LastUpdated == nil {
		r.addMistake("created or lastUpdated is missing")
	}
	if l.ValidOrigins == nil {
		r.addMistake("validOrigins is missing")
	}
	problems := store.OriginProblems(l.ValidOrigins, r.patterns(l.TenantID))
	for _, i := range slices.Sorted(maps.Keys(problems)) {
		r.addMistake("/validOrigins/%d of %q: %v", i, l.Name, problems[i])
	}
}

// checkTenant checks that a web integration follows the line of its tenant.
func (r *reader) checkTenant(id string) {
	if len(r.file.Tenants) == 0 {
		r.addMistake("no line of a tenant is before that of the web integration")
		return
	}
	if t := r.file.Tenants[len(r.file.Tenants)-1]; t.ID != id {
		r.addMistake("the web integration is of tenant %.80q, and stands among those of %.80q", id, t.ID)
	}
}
