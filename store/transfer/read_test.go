package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"originwarden/store"
	"originwarden/store/transfer"
)

const (
	id1    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
	id2    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2"
	header = `{"originwarden":"export","version":1,"store":"s","revision":7,"exported":"2026-01-02T03:04:05Z"}`
	acme   = `{"tenant":"acme","revision":7}`
	one    = `{"id":"` + id1 + `","tenantId":"acme","name":"One","createdBy":"ops","created":"2020-01-01T00:00:00Z","lastUpdated":"2020-01-01T00:00:00Z","validOrigins":["https://a.example"],"revision":3}`
	two    = `{"id":"` + id2 + `","tenantId":"acme","name":"Two","createdBy":"ops","created":"2020-01-01T00:00:00Z","lastUpdated":"2020-01-01T00:00:00Z","validOrigins":[]}`
	end    = `{"end":true,"integrations":2}`
)

func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

var whole = lines(header, acme, one, two, end)

func TestRead_CompleteFile(t *testing.T) {
	for name, text := range map[string]string{
		"complete file":    whole,
		"no final newline": strings.TrimSuffix(whole, "\n"),
		"carriage returns": strings.ReplaceAll(whole, "\n", "\r\n"),
		"spaces":           strings.ReplaceAll(whole, ",", " , "),
	} {
		file := readFile(t, text)
		if h := file.Header; h.Store != "s" || h.Revision != 7 || h.Exported.Year() != 2026 || h.Server != "" {
			t.Errorf("%s: header %+v", name, h)
		}
		if len(file.Tenants) != 1 || file.Tenants[0].Revision != 7 || len(file.Tenants[0].Integrations) != 2 {
			t.Fatalf("%s: %+v", name, file)
		}
		w := file.Tenants[0].Integrations[0]
		if w.ID != id1 || w.TenantID != "acme" || w.Name != "One" || w.CreatedBy != "ops" || w.Created.Year() != 2020 || w.Revision != 3 ||
			!slices.Equal(w.ValidOrigins, []string{"https://a.example"}) {
			t.Errorf("%s: web integration %+v", name, w)
		}
	}
}

func TestRead_TruncatesTimesToSeconds(t *testing.T) {
	text := strings.Replace(whole, `"created":"2020-01-01T00:00:00Z"`, `"created":"2020-01-01T01:00:00.987+01:00"`, 1)
	file := readFile(t, text)
	if w := file.Tenants[0].Integrations; !w[0].Created.Equal(w[1].Created) || w[0].Created.Location() != w[1].Created.Location() {
		t.Errorf("created %v, want %v", w[0].Created, w[1].Created)
	}
}

func TestRead_RefusesTruncatedFile(t *testing.T) {
	for i := range len(whole) - 1 {
		if file, err := transfer.Read(strings.NewReader(whole[:i]), permitAll); err == nil {
			t.Errorf("truncated at byte %d: read %+v", i, file)
		}
	}
	for i, text := range []string{lines(header, acme, one, end), lines(header, acme, two, end), lines(header, acme, end), lines(header, end)} {
		if file, err := transfer.Read(strings.NewReader(text), permitAll); err == nil {
			t.Errorf("file %d with a missing line: read %+v", i, file)
		}
	}
}

func TestRead_ReportsEveryMistakeWithItsLine(t *testing.T) {
	with := func(line string) string { return lines(header, acme, one, line, end) }
	changed := func(from, to string) string { return with(strings.Replace(two, from, to, 1)) }
	for _, row := range []struct{ name, text, want string }{
		{"empty file", "", "line 1: the file is cut off"},
		{"blank line", "\n", "line 1: the file is not an export"},
		{"other file", "tenants: []\n" + whole, "line 1: the file is not an export: its first line is not one that originwarden export writes"},
		{"other JSON value", "[]\n", "line 1: the file is not an export"},
		{"missing header", lines(acme, one, two, end), "line 1: the file is not an export"},
		{"header of another program", lines(`{"originwarden":"backup","version":1,"exported":"2026-01-02T03:04:05Z"}`, end), "line 1: the file is not an export"},
		{"newer version", lines(`{"originwarden":"export","version":2,"more":{}}`, `{"what":"ever"}`), "line 1: the file is of version 2, and this originwarden reads version 1"},
		{"missing version", lines(`{"originwarden":"export","exported":"2026-01-02T03:04:05Z"}`, end), "line 1: the file is of version 0"},
		{"unknown member in the header", lines(strings.Replace(header, `"store"`, `"stores"`, 1), acme, one, two, end), `line 1: the line cannot be read: json: `},
		{"missing time of export", lines(`{"originwarden":"export","version":1}`, `{"end":true,"integrations":0}`), "line 1: the first line does not say when"},
		{"missing line of the tenant", lines(header, one, two, end), "line 2: no line of a tenant is before that of the web integration\nline 3: no line of a tenant"},
		{"missing tenant id", lines(header, `{"tenant":""}`, `{"end":true,"integrations":0}`), "line 2: the tenant's id is empty or has a control character"},
		{"control character in the tenant id", lines(header, `{"tenant":"\u001b"}`, `{"end":true,"integrations":0}`), "line 2: the tenant's id is empty or has a control character"},
		{"repeated tenant", lines(header, acme, one, acme, two, end), `line 4: tenant "acme" comes a second time, first in line 2`},
		{"unknown member of a tenant", lines(header, `{"tenant":"acme","name":"x"}`, one, two, end), "line 2: the line cannot be read"},
		{"fewer web integrations than counted", lines(header, acme, one, `{"end":true,"integrations":2}`), "line 4: the file has 1 web integrations, and 2 were exported"},
		{"more web integrations than counted", lines(header, acme, one, two, `{"end":true,"integrations":1}`), "line 5: the file has 2 web integrations, and 1 were exported"},
		{"missing last line", lines(header, acme, one, two), "line 5: the file is cut off: its last line"},
		{"last line with end false", lines(header, acme, one, two, `{"end":false,"integrations":2}`), "line 5: the last line does not say"},
		{"last line without count", lines(header, acme, one, two, `{"end":true}`), "line 5: the last line does not say"},
		{"lines after the last one", whole + whole, "line 6: unexpected line after the last one"},
		{"blank line at the end", whole + "\n", "line 6: unexpected line after the last one"},
		{"blank line in between", lines(header, acme, "", one, two, end), "line 3: the line is not a JSON object"},
		{"array", with("[]"), "line 4: the line is not a JSON object"},
		{"null", with("null"), "line 4: the line is not a JSON object"},
		{"two objects on a line", with(two + two), "line 4: the line cannot be read"},
		{"unknown member", changed(`"name"`, `"title":"x","name"`), `line 4: the line cannot be read: json: `},
		{"repeated member", changed(`"name"`, `"name":"x","name"`), "line 4: the line cannot be read"},
		{"member in another case", changed(`"name"`, `"Name"`), "line 4: the line cannot be read"},
		{"name that is not a string", changed(`"Two"`, `7`), "line 4: the line cannot be read"},
		{"invalid UTF-8", changed("Two", "\xff"), "line 4: the line cannot be read"},
		{"lone surrogate", changed("Two", `\ud800`), "line 4: the line cannot be read"},
		{"empty name", changed("Two", ""), "line 4: the name is empty"},
		{"control character in a name", changed("Two", `\u009b`), "line 4: the name has a control character"},
		{"control character in createdBy", changed(`"ops"`, `"\n"`), "line 4: createdBy is longer than 256 characters, or has a control character"},
		{"long createdBy", changed(`"ops"`, `"`+strings.Repeat("x", 257)+`"`), "line 4: createdBy is longer"},
		{"short id", changed(id2, "x"), `line 4: the id "x" is not 32 characters of A-Z a-z 0-9 _ -`},
		{"id with a path", changed(id2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/.."), "line 4: the id "},
		{"repeated id", changed(id2, id1), "line 4: the id " + id1 + " comes a second time, first in line 3"},
		{"web integration of another tenant", changed(`"acme"`, `"globex"`), `line 4: the web integration is of tenant "globex", and stands among those of "acme"`},
		{"missing tenant", changed(`"tenantId":"acme",`, ``), `line 4: the web integration is of tenant "", and stands`},
		{"missing time of creation", changed(`"created":"2020-01-01T00:00:00Z",`, ``), "line 4: created or lastUpdated is missing"},
		{"invalid time", changed(`"created":"2020-01-01T00:00:00Z"`, `"created":"yesterday"`), "line 4: the line cannot be read"},
		{"missing validOrigins", changed(`,"validOrigins":[]`, ``), "line 4: validOrigins is missing"},
		{"null validOrigins", changed(`[]`, `null`), "line 4: validOrigins is missing"},
		{"validOrigins of numbers", changed(`[]`, `[1]`), "line 4: the line cannot be read"},
		{"invalid origins", changed(`[]`, `["*","https://a.example","https://a.example/x",""]`), `line 4: /validOrigins/0 of "Two": the entry ` + "…" + `/validOrigins/2 of "Two": the entry ` + "…" + `/validOrigins/3 of "Two": the entry is empty`},
		{"several mistakes", lines(header, acme, strings.Replace(one, "One", "", 1), strings.Replace(two, "[]", `["null"]`, 1), "x"),
			"line 3: the name is empty\nline 4: /validOrigins/0 …line 5: the line is not a JSON object\nline 6: the file is cut off"},
	} {
		file, err := transfer.Read(strings.NewReader(row.text), permitAll)
		var mistakes transfer.Mistakes
		if !errors.As(err, &mistakes) || file != nil {
			t.Errorf("%s: Read: %+v, %v; want Mistakes", row.name, file, err)
			continue
		}
		rest := err.Error()
		for part := range strings.SplitSeq(row.want, "…") {
			_, after, found := strings.Cut(rest, part)
			if rest = after; !found {
				t.Errorf("%s: error %v\nwant %s", row.name, err, part)
				break
			}
		}
		if first := strings.SplitN(row.want, "\n", 2)[0]; !strings.HasPrefix(err.Error(), strings.SplitN(first, "…", 2)[0]) {
			t.Errorf("%s: error %v does not begin with the first mistake", row.name, err)
		}
	}
}

func TestRead_ReportsAtMostAHundredMistakes(t *testing.T) {
	bad := strings.Replace(two, "[]", `["`+strings.Repeat(`","`, 1000)+`"]`, 1)
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, acme, bad)), endlessReader{}), permitAll)
	var mistakes transfer.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 100 || !strings.HasSuffix(err.Error(), "\nthere may be more") {
		t.Errorf("%d mistakes, want 100 and a note of more", len(mistakes))
	}
}

// endlessReader is a file without an end and without lines.
type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestRead_BoundsLineLength(t *testing.T) {
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, acme)), endlessReader{}), permitAll)
	if want := fmt.Sprintf("line 3: the line is longer than %d bytes", transfer.MaxLine); err == nil || err.Error() != want {
		t.Errorf("unexpected error %v", err)
	}
}

func TestRead_ReturnsReadError(t *testing.T) {
	limitedWriter := errors.New("broken")
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, "x")), iotest.ErrReader(limitedWriter)), permitAll)
	if !errors.Is(err, limitedWriter) {
		t.Errorf("unexpected error %v", err)
	}
}

// fileSource is an export file as a transfer.Source.
type fileSource struct{ *transfer.File }

func (f fileSource) Tenants(context.Context) (store.Position, map[string]uint64, error) {
	revisions := map[string]uint64{}
	for _, t := range f.File.Tenants {
		revisions[t.ID] = t.Revision
	}
	return store.Position{Store: f.Header.Store, Revision: f.Header.Revision}, revisions, nil
}

func (f fileSource) Load(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	for _, t := range f.File.Tenants {
		if t.ID == tenant {
			return t.Revision, slices.Clone(t.Integrations), nil
		}
	}
	return 0, nil, nil
}

// FuzzRead checks that errors are printable lines, and that a valid file is the same
// after it is exported and read again.
func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add(lines(header, `{"end":true,"integrations":0}`))
	f.Add(lines(header, acme, strings.Replace(one, "One", `\u202e\u00e9\ud83d\ude00`, 1), `{"tenant":"b"}`, `{"end":true,"integrations":1}`))
	f.Add(lines(header, acme, strings.Replace(one, `["https://a.example"]`, `["*",""]`, 1), "\x1b[2J"))
	f.Fuzz(func(t *testing.T, text string) {
		file, err := transfer.Read(strings.NewReader(text), permitAll)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("error has unprintable characters: %q", err)
			}
			return
		}
		var out strings.Builder
		if _, err := (transfer.Export{Server: file.Header.Server}).Write(t.Context(), fileSource{file}, &out); err != nil {
			t.Fatal(err)
		}
		again, err := transfer.Read(strings.NewReader(out.String()), permitAll)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		first, _, _ := fileSource{file}.Tenants(t.Context())
		second, _, _ := fileSource{again}.Tenants(t.Context())
		if first != second || !reflect.DeepEqual(integrationsByID(file), integrationsByID(again)) {
			t.Errorf("%+v became %+v", file, again)
		}
	})
}

// integrationsByID returns the web integrations of a file by id.
func integrationsByID(f *transfer.File) map[string]store.WebIntegration {
	all := map[string]store.WebIntegration{}
	for _, t := range f.Tenants {
		for _, w := range t.Integrations {
			all[w.ID] = w
		}
	}
	return all
}
