package transfer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// openStore opens a SQLite store and closes it when the test ends.
func openStore(t *testing.T) *transfer.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:   filepath.Join(t.TempDir(), "lists.db"),
		Limits: store.Limits{Integrations: 1000, Origins: 10_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &transfer.Store{Store: s, Timeout: time.Minute, Origins: 100}
}

func create(t *testing.T, s *transfer.Store, all ...store.WebIntegration) {
	t.Helper()
	for _, w := range all {
		if _, err := s.Store.Create(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// newIntegration returns a web integration with fixed times in the past.
func newIntegration(tenant, name string, entries ...string) store.WebIntegration {
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops", Created: then, LastUpdated: then.Add(time.Hour),
		ValidOrigins: entries,
	}
}

func exportText(t *testing.T, from transfer.Source, e transfer.Export) string {
	t.Helper()
	var text bytes.Buffer
	count, err := e.Write(t.Context(), from, &text)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(text.String(), "\n") - strings.Count(text.String(), "\n{\"tenant\"") - 2; lines != count {
		t.Errorf("Write returned %d, want %d lines", count, lines)
	}
	return text.String()
}

func readFile(t *testing.T, text string) *transfer.File {
	t.Helper()
	file, err := transfer.Read(strings.NewReader(text), permitAll)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return file
}

// importFile applies every step from the contents of the store to those of the
// file, and counts the steps by action.
func importFile(t *testing.T, to *transfer.Store, file *transfer.File, rules transfer.Rules) map[transfer.Action]int {
	t.Helper()
	counts := map[transfer.Action]int{}
	for _, tenant := range file.Tenants {
		_, has, err := to.Load(t.Context(), tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
		steps := rules.Compare(has, tenant.Integrations)
		for _, step := range steps {
			counts[step.Action]++
		}
		if refused, err := to.ApplyAll(t.Context(), steps); errors.Join(append(refused, err)...) != nil {
			t.Errorf("ApplyAll: refused %v, error %v", refused, err)
		}
	}
	return counts
}

// allIntegrations returns all web integrations of a store, sorted and without
// revisions.
func allIntegrations(t *testing.T, s transfer.Source) (all []store.WebIntegration) {
	t.Helper()
	_, tenants, err := s.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for tenant := range tenants {
		_, some, err := s.Load(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	for i := range all {
		all[i].Revision = 0
		if len(all[i].ValidOrigins) == 0 {
			all[i].ValidOrigins = nil
		}
	}
	slices.SortFunc(all, func(a, b store.WebIntegration) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func TestExport_Format(t *testing.T) {
	s := openStore(t)
	shop, blog, other := newIntegration("acme", "Shop", "https://Shop.example:443/", "capacitor://localhost"), newIntegration("acme", "Blog"), newIntegration("Globex", "a")
	create(t, s, shop, blog, other)
	at, _, err := s.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := exportText(t, s, transfer.Export{})
	exportedAt := readFile(t, text).Header.Exported
	if age := time.Since(exportedAt); age < 0 || age > time.Minute {
		t.Errorf("exported at %v", exportedAt)
	}
	const times = `"created":"2020-02-29T23:59:58Z","lastUpdated":"2020-03-01T00:59:58Z"`
	want := fmt.Sprintf(`{"originwarden":"export","version":1,"store":"%s","revision":3,"exported":"%s"}
{"tenant":"Globex","revision":3}
{"id":"%s","tenantId":"Globex","name":"a","createdBy":"ops",%[6]s,"validOrigins":[],"revision":3}
{"tenant":"acme","revision":3}
{"id":"%[4]s","tenantId":"acme","name":"Blog","createdBy":"ops",%[6]s,"validOrigins":[],"revision":2}
{"id":"%[5]s","tenantId":"acme","name":"Shop","createdBy":"ops",%[6]s,"validOrigins":["https://Shop.example:443/","capacitor://localhost"],"revision":1}
{"end":true,"integrations":3}
`, at.Store, exportedAt.Format(time.RFC3339), other.ID, blog.ID, shop.ID, times)
	if text != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
}

func TestExport_SelectsTenants(t *testing.T) {
	s := openStore(t)
	create(t, s, newIntegration("a", "1"), newIntegration("b", "2"), newIntegration("c", "3"))
	var names []string
	for _, tenant := range readFile(t, exportText(t, s, transfer.Export{Tenants: []string{"c", "a", "c"}})).Tenants {
		names = append(names, tenant.ID)
	}
	if !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("exported %q", names)
	}
	var text bytes.Buffer
	if _, err := (transfer.Export{Tenants: []string{"a", "d"}}).Write(t.Context(), s, &text); err == nil || text.Len() > 0 {
		t.Errorf("export of an unknown tenant: %q, %v", text.String(), err)
	}
}

func TestExport_HasTenantWithoutIntegrations(t *testing.T) {
	s := openStore(t)
	w := newIntegration("acme", "n")
	create(t, s, w)
	if err := applyStep(t, s, transfer.Delete, w, store.WebIntegration{}); err != nil {
		t.Fatal(err)
	}
	file := readFile(t, exportText(t, s, transfer.Export{}))
	if len(file.Tenants) != 1 || file.Tenants[0].ID != "acme" || file.Tenants[0].Revision != 2 || file.Tenants[0].Integrations != nil {
		t.Errorf("tenants %+v, want acme at revision 2 without web integrations", file.Tenants)
	}
}

// limitedWriter fails after left bytes.
type limitedWriter struct{ left int }

func (b *limitedWriter) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestExport_ReturnsWriteError(t *testing.T) {
	s := openStore(t)
	for i := range 50 {
		create(t, s, newIntegration("acme", fmt.Sprint(i), strings.Split(strings.Repeat("https://a.example ", 20), " ")[:20]...))
	}
	for _, left := range []int{0, 5000, 20_000} {
		if _, err := (transfer.Export{}).Write(t.Context(), s, &limitedWriter{left}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}

// hostile is a text that could manipulate a terminal, for example by reversing a
// line.
const hostile = "a\u202e\u2028\u200b\U000e0001\u00adü😀\\\"<&>"

func TestExport_EscapesUnprintableCharacters(t *testing.T) {
	s := openStore(t)
	w := newIntegration("acme", hostile)
	w.CreatedBy = "\x1b[2J\u009b\x7f\n"
	create(t, s, w)
	text := exportText(t, s, transfer.Export{})
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("the export has unprintable characters: %q", text)
	}
	w.CreatedBy = "ops"
	if err := applyStep(t, s, transfer.Change, w, w); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, exportText(t, s, transfer.Export{})).Tenants[0].Integrations[0].Name; got != hostile {
		t.Errorf("the name reads as %q", got)
	}
}

// randomIntegration returns a random web integration that the API accepts.
func randomIntegration(r *rand.Rand, tenant string) store.WebIntegration {
	pick := func(some ...string) string { return some[r.IntN(len(some))] }
	w := newIntegration(tenant, pick("Shop", "shop", " ", "é日本", hostile, strings.Repeat("\U0001f600", 256)))
	w.CreatedBy = pick("", "ops", hostile)
	w.Created = time.Unix(r.Int64N(253402300800), 0).UTC()
	w.LastUpdated = time.Unix(-r.Int64N(1<<33), 0).UTC()
	for range r.IntN(5) {
		w.ValidOrigins = append(w.ValidOrigins, pick("https://a.example", "HTTPS://A.example:443/", "http://127.0.0.1:1", "https://bücher.example", "capacitor://localhost"))
	}
	return w
}

func TestImport_RestoresExport(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 5 {
		from, to := openStore(t), openStore(t)
		for range r.IntN(30) {
			create(t, from, randomIntegration(r, fmt.Sprint("tenant-", r.IntN(4))))
		}
		for _, w := range allIntegrations(t, from) { // some exist already, and some of them differ
			if r.IntN(2) == 0 {
				continue
			}
			if r.IntN(2) == 0 {
				id := w.ID
				w = randomIntegration(r, w.TenantID)
				w.ID = id
			}
			create(t, to, w)
		}
		file := readFile(t, exportText(t, from, transfer.Export{}))
		for _, tenant := range file.Tenants {
			create(t, to, randomIntegration(r, tenant.ID)) // and some are not in the file
		}
		for times := range 2 {
			counts := importFile(t, to, file, transfer.Rules{Prune: true})
			if got, want := allIntegrations(t, to), allIntegrations(t, from); !reflect.DeepEqual(got, want) {
				t.Fatalf("round %d:\n got %+v\nwant %+v", round, got, want)
			}
			if times == 1 && counts[transfer.Keep] != len(allIntegrations(t, from)) || times == 1 && len(counts) > 1 {
				t.Errorf("the second import made the steps %v, want only Keep", counts)
			}
		}
		before := revisionOf(t, to)
		importFile(t, to, file, transfer.Rules{})
		if after := revisionOf(t, to); after != before {
			t.Errorf("another import wrote revision %d after %d", after, before)
		}
		again := readFile(t, exportText(t, to, transfer.Export{}))
		for i := range again.Tenants {
			for j := range again.Tenants[i].Integrations {
				again.Tenants[i].Integrations[j].Revision = file.Tenants[i].Integrations[j].Revision
			}
			if !reflect.DeepEqual(again.Tenants[i].Integrations, file.Tenants[i].Integrations) {
				t.Errorf("%s: the export after the import differs", again.Tenants[i].ID)
			}
		}
	}
}

func revisionOf(t *testing.T, s *transfer.Store) uint64 {
	t.Helper()
	at, err := s.Store.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at.Revision
}

func permitAll(string) origins.Patterns { return origins.HostedPatterns }

// An export has patterns as they were written. Whether they are valid depends on the
// tenant.
func TestRead_PermitsPatternsOfTenant(t *testing.T) {
	from := openStore(t)
	create(t, from, newIntegration("acme", "one", "https://PR-*.example.com"), newIntegration("globex", "two", "https://pr-*.example.com"))
	text := exportText(t, from.Store, transfer.Export{})
	file, err := transfer.Read(strings.NewReader(text), permitAll)
	if err != nil || file.Tenants[0].Integrations[0].ValidOrigins[0] != "https://PR-*.example.com" {
		t.Fatalf("%+v, %v", file, err)
	}
	_, err = transfer.Read(strings.NewReader(text), func(tenant string) origins.Patterns {
		if tenant == "acme" {
			return origins.OwnPatterns
		}
		return origins.NoPatterns
	})
	var mistakes transfer.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 1 || mistakes[0].Line != 5 || !strings.Contains(mistakes[0].Message, "(patterns: none)") {
		t.Errorf("%v, want one mistake in line 5", err)
	}
}
