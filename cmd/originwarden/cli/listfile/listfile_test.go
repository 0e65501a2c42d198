package listfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/store"
)

func read(text string) ([]listfile.WebIntegration, error) {
	var r listfile.Reader
	r.Add("lists.yaml", []byte(text))
	return r.All()
}

func TestReader_ReadsLists(t *testing.T) {
	one := []listfile.WebIntegration{{Name: "a", ValidOrigins: []string{"https://a.example", "https://b.example"}}}
	for _, row := range []struct {
		rule, text string
		want       []listfile.WebIntegration
	}{
		{"block style", "web_integrations:\n  a:\n    - https://a.example\n    - https://b.example\n", one},
		{"flow style", "web_integrations: {a: [https://a.example, 'https://b.example']}", one},
		{"comments, and a mark of the document", "# mine\n---\nweb_integrations: # all\n  a: [https://a.example, https://b.example]\n...\n", one},
		{"a byte order mark and CR LF", "\ufeffweb_integrations:\r\n  a:\r\n  - https://a.example\r\n  - https://b.example\r\n", one},
		{"JSON", `{"web_integrations": {"a": ["https://a.example", "https://b.example"]}}`, one},
		{"JSON with tabs and escapes", "{\n\t\"web_integrations\": {\n\t\t\"\\u0061\": [\n\t\t\t\"https:\\/\\/a.example\",\n\t\t\t\"https://b.example\"\n\t\t]\n\t}\n}\n", one},
		{"a surrogate pair in JSON", `{"web_integrations": {"\ud83d\ude00": []}}`, []listfile.WebIntegration{{Name: "😀", ValidOrigins: []string{}}}},
		{"no web integration", "web_integrations: {}", nil},
		{"none in JSON", `{"web_integrations": {}}`, nil},
		{"an alias", "web_integrations: {a: &common [https://a.example, https://b.example], b: *common}", []listfile.WebIntegration{one[0], {Name: "b", ValidOrigins: one[0].ValidOrigins}}},
		{"names that need quotes in YAML", `web_integrations: {"null": [], 'yes': [], "0x1": [], "- a": [], ": ": [], "<<": [], "'\"": []}`,
			named("null", "yes", "0x1", "- a", ": ", "<<", `'"`)},
		{"an origin as it is written, and twice", "web_integrations: {a: [HTTPS://A.example:443/, https://a.example]}", []listfile.WebIntegration{{Name: "a", ValidOrigins: []string{"HTTPS://A.example:443/", "https://a.example"}}}},
		{"a pattern", "web_integrations: {a: [https://pr-*.example.com]}", []listfile.WebIntegration{{Name: "a", ValidOrigins: []string{"https://pr-*.example.com"}}}},
	} {
		if got, err := read(row.text); err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %q, %v", row.rule, got, err)
		}
	}
}

func named(names ...string) (all []listfile.WebIntegration) {
	for _, name := range names {
		all = append(all, listfile.WebIntegration{Name: name, ValidOrigins: []string{}})
	}
	return all
}

func TestReader_RefusesMistakes(t *testing.T) {
	for _, row := range []struct{ rule, text, want string }{
		{"an empty file", "", "lists.yaml:1: the key web_integrations is missing; a file without web integrations has web_integrations: {}"},
		{"only comments", "# nothing\n", "lists.yaml:1: the key web_integrations is missing; a file without web integrations has web_integrations: {}"},
		{"no mapping", "- a", `lists.yaml:1: the file must be a mapping with the key web_integrations, not a list`},
		{"a text", "a", `lists.yaml:1: the file must be a mapping with the key web_integrations, not "a"`},
		{"an unknown key", "web_integrations: {}\nname: a", `lists.yaml:2: unknown key "name": the file has only web_integrations`},
		{"a misspelled key", "web_integration: {}", "lists.yaml:1: unknown key \"web_integration\": the file has only web_integrations\nlists.yaml:1: the key web_integrations is missing; a file without web integrations has web_integrations: {}"},
		{"the key twice", "web_integrations: {}\nweb_integrations: {}", `lists.yaml:2: duplicate key "web_integrations", first on line 1`},
		{"nothing instead of a mapping", "web_integrations:\n", "lists.yaml:1: web_integrations must be a mapping from names to lists of origins, or {}, not nothing"},
		{"a list instead of a mapping", "web_integrations: [{name: a}]", "lists.yaml:1: web_integrations must be a mapping from names to lists of origins, or {}, not a list"},
		{"nothing instead of a list", "web_integrations:\n  a:\n", `lists.yaml:2: the origins of "a" must be a list, or [], not nothing`},
		{"one origin instead of a list", "web_integrations:\n  a: https://a.example", `lists.yaml:2: the origins of "a" must be a list, or [], not "https://a.example"`},
		{"a mapping instead of a list", "web_integrations: {a: {validOrigins: []}}", `lists.yaml:1: the origins of "a" must be a list, or [], not a mapping`},
		{"a name twice", "web_integrations:\n  a: []\n  b: []\n  'a': []", `lists.yaml:4: duplicate web integration "a", first at lists.yaml:2`},
		{"a name twice in JSON", "{\"web_integrations\": {\n\"a\": [],\n\"a\": []}}", `lists.yaml:3: duplicate web integration "a", first at lists.yaml:2`},
		{"names that are not strings", "web_integrations:\n  null: []\n  0x1: []\n  1.5: []\n  true: []\n  2026-01-02: []\n  ~: []\n  !x a: []",
			quoteHints("null", "0x1", "1.5", "true", "2026-01-02", "~", "a")},
		{"an empty key", "web_integrations:\n  ? \n  : []", `lists.yaml:2: the name "" is not a string in YAML: put it into quotes`},
		{"an empty name", `web_integrations: {"": []}`, `lists.yaml:1: the name is empty: ""`},
		{"a control character", `web_integrations: {"a\e[2J": []}`, `lists.yaml:1: the name has a control character: "a\x1b[2J"`},
		{"a long name", "web_integrations: {" + strings.Repeat("a", 257) + ": []}", "lists.yaml:1: the name is longer than 256 characters: \"" + strings.Repeat("a", 80) + `"`},
		{"a mapping as a name", "web_integrations:\n  ? {a: b}\n  : []", "lists.yaml:2: the name of a web integration must be a string, not a mapping"},
		{"a merge key", "web_integrations:\n  <<: &a {b: []}", `lists.yaml:2: merge keys are not supported; a web integration with that name is written "<<"`},
		{"origins that are none", "web_integrations:\n  a:\n    - https://a.example/path\n    - 1\n    - null\n    - [b]\n    - https://a.example",
			"lists.yaml:3: \"https://a.example/path\" of \"a\": the entry has a path: an origin ends with its host or port\n" +
				"lists.yaml:4: an origin of \"a\" must be a string, not \"1\"\nlists.yaml:5: an origin of \"a\" must be a string, not nothing\nlists.yaml:6: an origin of \"a\" must be a string, not a list"},
		{"values of JSON", "{\"web_integrations\": {\"a\": [\n1e3,\nfalse,\nnull,\n{}]}}",
			"lists.yaml:2: an origin of \"a\" must be a string, not \"1e3\"\nlists.yaml:3: an origin of \"a\" must be a string, not \"false\"\nlists.yaml:4: an origin of \"a\" must be a string, not nothing\nlists.yaml:5: an origin of \"a\" must be a string, not a mapping"},
		{"a second document", "web_integrations: {}\n---\nweb_integrations: {}", "lists.yaml:2: a second YAML document: only one is allowed"},
		{"no YAML", "web_integrations:\n  a: [}\n", "lists.yaml:2: invalid YAML: did not find expected node content"},
		{"no UTF-8", "web_integrations: {}\n\xff\n", "lists.yaml:2: the line is not UTF-8"},
		{"an escape sequence", "web_integrations: {}\n\x1b[2J", "lists.yaml:2: the line has a control character"},
		{"a list that contains itself", "web_integrations: {a: &a [*a]}", `lists.yaml:1: an origin of "a" must be a string, not a list`},
		{"a mapping that contains itself", "&a {web_integrations: *a}", `lists.yaml:1: the origins of "web_integrations" must be a list, or [], not a mapping`},
	} {
		_, err := read(row.text)
		if err == nil || err.Error() != row.want {
			t.Errorf("%s: got\n%v\nwant\n%s", row.rule, err, row.want)
		}
	}
}

func quoteHints(names ...string) string {
	var lines []string
	for i, name := range names {
		lines = append(lines, fmt.Sprintf("lists.yaml:%d: the name %q is not a string in YAML: put it into quotes", i+2, name))
	}
	return strings.Join(lines, "\n")
}

func TestReader_ReportsMistakesOfAllFiles(t *testing.T) {
	var r listfile.Reader
	r.Add("a\x1b.yaml", []byte("web_integrations:\n  one: []\n  two: [x]"))
	r.Add("b.json", []byte("{\"web_integrations\":\n{\"one\": []}}"))
	_, err := r.All()
	const want = `a\x1b.yaml:3: "x" of "two": the entry has no scheme: an origin is scheme://host or scheme://host:port` + "\n" +
		`b.json:2: duplicate web integration "one", first at a\x1b.yaml:2`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What a small file can grow to is bounded: in memory by MaxOrigins, and on a terminal
// by the number of mistakes.
func TestReader_BoundsHostileFiles(t *testing.T) {
	bomb := "web_integrations:\n  a: &a [" + strings.Repeat("https://a.example,", 1000) + "]\n"
	for i := range 2000 {
		bomb += fmt.Sprintf("  b%d: *a\n", i)
	}
	billion := "a: &a [x]\n"
	for i := range 20 {
		billion += fmt.Sprintf("a%d: &a%[1]d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 10))
	}
	for _, row := range []struct{ rule, text, want string }{
		{"aliases of a long list", bomb, "lists.yaml:2: there are more than 1000000 origins in all"},
		{"aliases of aliases", strings.Replace(billion, "*a0", "*a", 10), "lists.yaml:1: unknown key"},
		{"many mistakes", "web_integrations:\n  a: [" + strings.Repeat("x,\n", 100_000) + "]", "\nthese are the first 100 mistakes; there may be more"},
		{"many aliases of mistakes", "web_integrations:\n  a: &a [" + strings.Repeat("x,\n", 90) + "]\n" + strings.Repeat("  b: *a\n", 1000), "these are the first 100 mistakes"},
		{"no text", strings.Repeat("\xff\n", 1<<20), "lists.yaml:100: the line is not UTF-8\nthese are the first"},
		{"deep nesting", "web_integrations: " + strings.Repeat("[", 1<<20), "lists.yaml: invalid YAML: exceeded max depth of 10000"},
		{"deep nesting in JSON", `{"web_integrations":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "}", "lists.yaml: invalid YAML: exceeded max depth of 10000"},
	} {
		_, err := read(row.text)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Count(err.Error(), "\n") > 101 {
			t.Errorf("%s: got %.300v", row.rule, err)
		}
	}
}

// hostileNames are valid names that YAML, a terminal or a reader could take for
// something else.
func hostileNames() []string {
	return []string{
		"yes", "No", "ON", "off", "y", "N", "true", "False", "null", "NULL", "~", "0x1", "0o7", "1", "1e3", "1_000", ".inf", "-.inf", ".nan", "2026-01-02", "12:30:45", "=", "<<",
		"- a", "-", "?", "? a", ": ", ":", "a: b", "a:", "a :b", "#", "a #b", "# a", "&a", "*a", "!a", "!!str a", "|", ">", "%a", "@a", "`a", "{}", "{a: b}", "[]", "[a]", ",", "a, b",
		`"`, `'`, `"a"`, `'a'`, `a"b'c`, `\`, `\n`, `a\`, " ", " a", "a ", "  ", "---", "...", "--- a", "web_integrations", "a  b", "a/b", "🚀", "😀 é 日本", "a\u202eb", "\u2028", "\u00a0", "\ufeff", "\U000e0001",
		strings.Repeat("a", 256), strings.Repeat("\U000e0001", 256), strings.Repeat("é", 256), "null ", "Shop: EU", "</script>", "${HOME}", "$(rm -rf /)",
	}
}

func TestWrite_IsReadBack(t *testing.T) {
	var all []listfile.WebIntegration
	for i, name := range hostileNames() {
		if problem := store.NameProblem(name); problem != "" {
			t.Fatalf("%q: %s", name, problem)
		}
		w := listfile.WebIntegration{Name: name, ValidOrigins: []string{}}
		w.ValidOrigins = append(w.ValidOrigins, []string{"https://a.example", "HTTPS://A.example:443/", "http://[::1]:3000", "https://bücher.example", "capacitor://localhost", "app://-", "app://.", "https://pr-*.example.com", "https://日本.example"}[:i%10]...)
		all = append(all, w)
	}
	for _, some := range [][]listfile.WebIntegration{nil, all[:1], all} {
		wantReadBack(t, some)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		letters := []rune("ab:-#'\"\\ \t,[]{}&*!|>%@`?~=<.0é😀\u202e\u0085")
		name := ""
		for range 1 + r.IntN(12) {
			name += string(letters[r.IntN(len(letters))])
		}
		if store.NameProblem(name) == "" {
			wantReadBack(t, []listfile.WebIntegration{{Name: name, ValidOrigins: []string{"https://a.example"}}})
		}
	}
}

func wantReadBack(t *testing.T, all []listfile.WebIntegration) {
	t.Helper()
	var text bytes.Buffer
	if err := listfile.Write(&text, all); err != nil {
		t.Fatal(err)
	}
	got, err := read(text.String())
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("got %q, %v, want %q, from\n%s", got, err, all, text.String())
	}
	if strings.ContainsFunc(text.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("not printable: %q", text.String())
	}
}

func TestWrite_QuotesOnlyWhereNeeded(t *testing.T) {
	var text bytes.Buffer
	err := listfile.Write(&text, []listfile.WebIntegration{
		{Name: "Blog"},
		{Name: "My shop", ValidOrigins: []string{"https://shop.example", "http://localhost:3000", "https://pr-*.example.com", "http://[::1]:3000"}},
		{Name: "no", ValidOrigins: []string{"https://bücher.example"}},
	})
	const want = `web_integrations:
  Blog: []
  My shop:
    - https://shop.example
    - http://localhost:3000
    - https://pr-*.example.com
    - "http://[::1]:3000"
  "no":
    - "https://bücher.example"
`
	if err != nil || text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{"web_integrations: {a: [https://a.example]}", `{"web_integrations": {"a": []}}`, "&a {web_integrations: *a}", "? [a]\n: b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := read(string(text))
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("not printable: %q", err)
			}
			return
		}
		wantReadBack(t, got)
	})
}
