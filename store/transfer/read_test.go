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

func TestRead_ReadsAWholeFile(t *testing.T) {
	for name, text := range map[string]string{
		"a file":                   whole,
		"without the last newline": strings.TrimSuffix(whole, "\n"),
		"with carriage returns":    strings.ReplaceAll(whole, "\n", "\r\n"),
		"with spaces":              strings.ReplaceAll(whole, ",", " , "),
	} {
		file := read(t, text)
		if h := file.Header; h.Store != "s" || h.Revision != 7 || h.Exported.Year() != 2026 || h.Server != "" {
			t.Errorf("%s: the header is %+v", name, h)
		}
		if len(file.Tenants) != 1 || file.Tenants[0].Revision != 7 || len(file.Tenants[0].Integrations) != 2 {
			t.Fatalf("%s: %+v", name, file)
		}
		w := file.Tenants[0].Integrations[0]
		if w.ID != id1 || w.TenantID != "acme" || w.Name != "One" || w.CreatedBy != "ops" || w.Created.Year() != 2020 || w.Revision != 3 ||
			!slices.Equal(w.ValidOrigins, []string{"https://a.example"}) {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

func TestRead_CutsTimesToSecondsOfUTC(t *testing.T) {
	text := strings.Replace(whole, `"created":"2020-01-01T00:00:00Z"`, `"created":"2020-01-01T01:00:00.987+01:00"`, 1)
	file := read(t, text)
	if w := file.Tenants[0].Integrations; !w[0].Created.Equal(w[1].Created) || w[0].Created.Location() != w[1].Created.Location() {
		t.Errorf("%v", w[0].Created)
	}
}

func TestRead_RefusesAFileThatWasCutOffAnywhere(t *testing.T) {
	for i := range len(whole) - 1 {
		if file, err := transfer.Read(strings.NewReader(whole[:i])); err == nil {
			t.Errorf("cut off at %d, it reads as %+v", i, file)
		}
	}
	for i, text := range []string{lines(header, acme, one, end), lines(header, acme, two, end), lines(header, acme, end), lines(header, end)} {
		if file, err := transfer.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%d, without a line, it reads as %+v", i, file)
		}
	}
}

func TestRead_TellsEveryMistakeWithItsLine(t *testing.T) {
	with := func(line string) string { return lines(header, acme, one, line, end) }
	changed := func(from, to string) string { return with(strings.Replace(two, from, to, 1)) }
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "line 1: the file is cut off"},
		{"a blank line", "\n", "line 1: the file is not an export"},
		{"another file", "tenants: []\n" + whole, "line 1: the file is not an export: its first line is not one that originwarden export writes"},
		{"JSON of another kind", "[]\n", "line 1: the file is not an export"},
		{"no header", lines(acme, one, two, end), "line 1: the file is not an export"},
		{"another program's", lines(`{"originwarden":"backup","version":1,"exported":"2026-01-02T03:04:05Z"}`, end), "line 1: the file is not an export"},
		{"a newer version", lines(`{"originwarden":"export","version":2,"more":{}}`, `{"what":"ever"}`), "line 1: the file is of version 2, and this originwarden reads version 1"},
		{"no version", lines(`{"originwarden":"export","exported":"2026-01-02T03:04:05Z"}`, end), "line 1: the file is of version 0"},
		{"more in the header", lines(strings.Replace(header, `"store"`, `"stores"`, 1), acme, one, two, end), `line 1: the line cannot be read: json: `},
		{"no time", lines(`{"originwarden":"export","version":1}`, `{"end":true,"integrations":0}`), "line 1: the first line does not say when"},
		{"no line of the tenant", lines(header, one, two, end), "line 2: no line of a tenant is before that of the web integration\nline 3: no line of a tenant"},
		{"no id of the tenant", lines(header, `{"tenant":""}`, `{"end":true,"integrations":0}`), "line 2: the tenant's id is empty or has a control character"},
		{"a control character", lines(header, `{"tenant":"\u001b"}`, `{"end":true,"integrations":0}`), "line 2: the tenant's id is empty or has a control character"},
		{"a tenant twice", lines(header, acme, one, acme, two, end), `line 4: tenant "acme" comes a second time, first in line 2`},
		{"more of a tenant", lines(header, `{"tenant":"acme","name":"x"}`, one, two, end), "line 2: the line cannot be read"},
		{"not all of them", lines(header, acme, one, `{"end":true,"integrations":2}`), "line 4: the file has 1 web integrations, and 2 were exported"},
		{"more than all of them", lines(header, acme, one, two, `{"end":true,"integrations":1}`), "line 5: the file has 2 web integrations, and 1 were exported"},
		{"no end", lines(header, acme, one, two), "line 5: the file is cut off: its last line"},
		{"an end that is none", lines(header, acme, one, two, `{"end":false,"integrations":2}`), "line 5: the last line does not say"},
		{"an end that counts nothing", lines(header, acme, one, two, `{"end":true}`), "line 5: the last line does not say"},
		{"more than the end", whole + whole, "line 6: unexpected line after the last one"},
		{"a blank line in the end", whole + "\n", "line 6: unexpected line after the last one"},
		{"a blank line within", lines(header, acme, "", one, two, end), "line 3: the line is not a JSON object"},
		{"an array", with("[]"), "line 4: the line is not a JSON object"},
		{"null", with("null"), "line 4: the line is not a JSON object"},
		{"two objects", with(two + two), "line 4: the line cannot be read"},
		{"an unknown member", changed(`"name"`, `"title":"x","name"`), `line 4: the line cannot be read: json: `},
		{"a member twice", changed(`"name"`, `"name":"x","name"`), "line 4: the line cannot be read"},
		{"a member of another case", changed(`"name"`, `"Name"`), "line 4: the line cannot be read"},
		{"a name that is none", changed(`"Two"`, `7`), "line 4: the line cannot be read"},
		{"no UTF-8", changed("Two", "\xff"), "line 4: the line cannot be read"},
		{"half a surrogate", changed("Two", `\ud800`), "line 4: the line cannot be read"},
		{"an empty name", changed("Two", ""), "line 4: the name is empty"},
		{"a control character in a name", changed("Two", `\u009b`), "line 4: the name has a control character"},
		{"a control character in an author", changed(`"ops"`, `"\n"`), "line 4: createdBy is longer than 256 characters, or has a control character"},
		{"a long author", changed(`"ops"`, `"`+strings.Repeat("x", 257)+`"`), "line 4: createdBy is longer"},
		{"a short id", changed(id2, "x"), `line 4: the id "x" is not 32 characters of A-Z a-z 0-9 _ -`},
		{"an id that is a path", changed(id2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/.."), "line 4: the id "},
		{"an id twice", changed(id2, id1), "line 4: the id " + id1 + " comes a second time, first in line 3"},
		{"another tenant", changed(`"acme"`, `"globex"`), `line 4: the web integration is of tenant "globex", and stands among those of "acme"`},
		{"no tenant", changed(`"tenantId":"acme",`, ``), `line 4: the web integration is of tenant "", and stands`},
		{"no time of creation", changed(`"created":"2020-01-01T00:00:00Z",`, ``), "line 4: created or lastUpdated is missing"},
		{"a time that is none", changed(`"created":"2020-01-01T00:00:00Z"`, `"created":"yesterday"`), "line 4: the line cannot be read"},
		{"no list", changed(`,"validOrigins":[]`, ``), "line 4: validOrigins is missing"},
		{"a list of nothing", changed(`[]`, `null`), "line 4: validOrigins is missing"},
		{"a list of numbers", changed(`[]`, `[1]`), "line 4: the line cannot be read"},
		{"origins that are none", changed(`[]`, `["*","https://a.example","https://a.example/x",""]`), `line 4: /validOrigins/0 of "Two": the entry ` + "…" + `/validOrigins/2 of "Two": the entry ` + "…" + `/validOrigins/3 of "Two": the entry is empty`},
		{"mistakes everywhere", lines(header, acme, strings.Replace(one, "One", "", 1), strings.Replace(two, "[]", `["null"]`, 1), "x"),
			"line 3: the name is empty\nline 4: /validOrigins/0 …line 5: the line is not a JSON object\nline 6: the file is cut off"},
	} {
		file, err := transfer.Read(strings.NewReader(row.text))
		var mistakes transfer.Mistakes
		if !errors.As(err, &mistakes) || file != nil {
			t.Errorf("%s: %+v, %v", row.name, file, err)
			continue
		}
		rest := err.Error()
		for part := range strings.SplitSeq(row.want, "…") {
			_, after, found := strings.Cut(rest, part)
			if rest = after; !found {
				t.Errorf("%s: %v\nwithout %s", row.name, err, part)
				break
			}
		}
		if first := strings.SplitN(row.want, "\n", 2)[0]; !strings.HasPrefix(err.Error(), strings.SplitN(first, "…", 2)[0]) {
			t.Errorf("%s begins with %v", row.name, err)
		}
	}
}

func TestRead_TellsNoMoreThanAHundredMistakes(t *testing.T) {
	bad := strings.Replace(two, "[]", `["`+strings.Repeat(`","`, 1000)+`"]`, 1)
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, acme, bad)), forever{}))
	var mistakes transfer.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 100 || !strings.HasSuffix(err.Error(), "\nthere may be more") {
		t.Errorf("%d mistakes", len(mistakes))
	}
}

// forever is a file without an end, and without lines.
type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestRead_ReadsNoLineWithoutAnEnd(t *testing.T) {
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, acme)), forever{}))
	if want := fmt.Sprintf("line 3: the line is longer than %d bytes", transfer.MaxLine); err == nil || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
}

func TestRead_TellsThatItCouldNotRead(t *testing.T) {
	broken := errors.New("broken")
	_, err := transfer.Read(io.MultiReader(strings.NewReader(lines(header, "x")), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

// asSource is a file as what it came from.
type asSource struct{ *transfer.File }

func (f asSource) Tenants(context.Context) (store.Position, map[string]uint64, error) {
	revisions := map[string]uint64{}
	for _, t := range f.File.Tenants {
		revisions[t.ID] = t.Revision
	}
	return store.Position{Store: f.Header.Store, Revision: f.Header.Revision}, revisions, nil
}

func (f asSource) Load(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	for _, t := range f.File.Tenants {
		if t.ID == tenant {
			return t.Revision, slices.Clone(t.Integrations), nil
		}
	}
	return 0, nil, nil
}

// FuzzRead wants what is refused to be told in printable lines, and what is
// taken to be the same when it is exported and read again.
func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add(lines(header, `{"end":true,"integrations":0}`))
	f.Add(lines(header, acme, strings.Replace(one, "One", `\u202e\u00e9\ud83d\ude00`, 1), `{"tenant":"b"}`, `{"end":true,"integrations":1}`))
	f.Add(lines(header, acme, strings.Replace(one, `["https://a.example"]`, `["*",""]`, 1), "\x1b[2J"))
	f.Fuzz(func(t *testing.T, text string) {
		file, err := transfer.Read(strings.NewReader(text))
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("it prints %q", err)
			}
			return
		}
		var out strings.Builder
		if _, err := (transfer.Export{Server: file.Header.Server}).Write(t.Context(), asSource{file}, &out); err != nil {
			t.Fatal(err)
		}
		again, err := transfer.Read(strings.NewReader(out.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		first, _, _ := asSource{file}.Tenants(t.Context())
		second, _, _ := asSource{again}.Tenants(t.Context())
		if first != second || !reflect.DeepEqual(contents(file), contents(again)) {
			t.Errorf("%+v became %+v", file, again)
		}
	})
}

// contents are the web integrations by id.
func contents(f *transfer.File) map[string]store.WebIntegration {
	all := map[string]store.WebIntegration{}
	for _, t := range f.Tenants {
		for _, w := range t.Integrations {
			all[w.ID] = w
		}
	}
	return all
}
