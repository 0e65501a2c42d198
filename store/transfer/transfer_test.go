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

	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// open opens a real store that is closed when t ends.
func open(t *testing.T) *transfer.StoreTarget {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:   filepath.Join(t.TempDir(), "lists.db"),
		Limits: store.Limits{Integrations: 1000, Origins: 10_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &transfer.StoreTarget{Store: s, Timeout: time.Minute, Origins: 100}
}

func create(t *testing.T, s *transfer.StoreTarget, all ...store.WebIntegration) {
	t.Helper()
	for _, w := range all {
		if _, err := s.Store.Create(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// entry is a web integration that was made in another year.
func entry(tenant, name string, entries ...string) store.WebIntegration {
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops", Created: then, LastUpdated: then.Add(time.Hour),
		ValidOrigins: entries,
	}
}

func exported(t *testing.T, from transfer.Source, e transfer.Export) string {
	t.Helper()
	var text bytes.Buffer
	count, err := e.Write(t.Context(), from, &text)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(text.String(), "\n") - strings.Count(text.String(), "\n{\"tenant\"") - 2; lines != count {
		t.Errorf("it counts %d, and there are %d lines", count, lines)
	}
	return text.String()
}

func read(t *testing.T, text string) *transfer.File {
	t.Helper()
	file, err := transfer.Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return file
}

// bring takes every step from what the store has to the file, and counts them.
func bring(t *testing.T, to *transfer.StoreTarget, file *transfer.File, rules transfer.Rules) map[transfer.Action]int {
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
			t.Errorf("%v: %v", refused, err)
		}
	}
	return counts
}

// kept is what a store has, in order and without revisions.
func kept(t *testing.T, s transfer.Source) (all []store.WebIntegration) {
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

func TestExport_IsWhatTheFormatSays(t *testing.T) {
	s := open(t)
	shop, blog, other := entry("acme", "Shop", "https://Shop.example:443/", "capacitor://localhost"), entry("acme", "Blog"), entry("Globex", "a")
	create(t, s, shop, blog, other)
	at, _, err := s.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := exported(t, s, transfer.Export{})
	exportedAt := read(t, text).Header.Exported
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

func TestExport_IsOfTheTenantsThatAreWanted(t *testing.T) {
	s := open(t)
	create(t, s, entry("a", "1"), entry("b", "2"), entry("c", "3"))
	var names []string
	for _, tenant := range read(t, exported(t, s, transfer.Export{Tenants: []string{"c", "a", "c"}})).Tenants {
		names = append(names, tenant.ID)
	}
	if !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("exported %q", names)
	}
	var text bytes.Buffer
	if _, err := (transfer.Export{Tenants: []string{"a", "d"}}).Write(t.Context(), s, &text); err == nil || text.Len() > 0 {
		t.Errorf("a tenant that never was: %q, %v", text.String(), err)
	}
}

func TestExport_HasATenantThatHasNothingAnyMore(t *testing.T) {
	s := open(t)
	w := entry("acme", "n")
	create(t, s, w)
	if err := take(t, s, transfer.Delete, w, store.WebIntegration{}); err != nil {
		t.Fatal(err)
	}
	file := read(t, exported(t, s, transfer.Export{}))
	if len(file.Tenants) != 1 || file.Tenants[0].ID != "acme" || file.Tenants[0].Revision != 2 || file.Tenants[0].Integrations != nil {
		t.Errorf("%+v", file.Tenants)
	}
}

// broken writes nothing after some bytes.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestExport_TellsThatItCouldNotWrite(t *testing.T) {
	s := open(t)
	for i := range 50 {
		create(t, s, entry("acme", fmt.Sprint(i), strings.Split(strings.Repeat("https://a.example ", 20), " ")[:20]...))
	}
	for _, left := range []int{0, 5000, 20_000} {
		if _, err := (transfer.Export{}).Write(t.Context(), s, &broken{left}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}

// hostile is a text that takes over a terminal, or turns a line around.
const hostile = "a\u202e\u2028\u200b\U000e0001\u00adü😀\\\"<&>"

func TestExport_ShowsNothingThatTakesOverATerminal(t *testing.T) {
	s := open(t)
	w := entry("acme", hostile)
	w.CreatedBy = "\x1b[2J\u009b\x7f\n"
	create(t, s, w)
	text := exported(t, s, transfer.Export{})
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("it has %q", text)
	}
	w.CreatedBy = "ops"
	if err := take(t, s, transfer.Change, w, w); err != nil {
		t.Fatal(err)
	}
	if got := read(t, exported(t, s, transfer.Export{})).Tenants[0].Integrations[0].Name; got != hostile {
		t.Errorf("it reads as %q", got)
	}
}

// anything is a web integration of any kind that the API takes.
func anything(r *rand.Rand, tenant string) store.WebIntegration {
	pick := func(some ...string) string { return some[r.IntN(len(some))] }
	w := entry(tenant, pick("Shop", "shop", " ", "é日本", hostile, strings.Repeat("\U0001f600", 256)))
	w.CreatedBy = pick("", "ops", hostile)
	w.Created = time.Unix(r.Int64N(253402300800), 0).UTC()
	w.LastUpdated = time.Unix(-r.Int64N(1<<33), 0).UTC()
	for range r.IntN(5) {
		w.ValidOrigins = append(w.ValidOrigins, pick("https://a.example", "HTTPS://A.example:443/", "http://127.0.0.1:1", "https://bücher.example", "capacitor://localhost"))
	}
	return w
}

func TestExportAndImport_AreTheIdentity(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 5 {
		from, to := open(t), open(t)
		for range r.IntN(30) {
			create(t, from, anything(r, fmt.Sprint("tenant-", r.IntN(4))))
		}
		for _, w := range kept(t, from) { // some are there, and some of them differ
			if r.IntN(2) == 0 {
				continue
			}
			if r.IntN(2) == 0 {
				id := w.ID
				w = anything(r, w.TenantID)
				w.ID = id
			}
			create(t, to, w)
		}
		file := read(t, exported(t, from, transfer.Export{}))
		for _, tenant := range file.Tenants {
			create(t, to, anything(r, tenant.ID)) // and some are not in the file
		}
		for times := range 2 {
			counts := bring(t, to, file, transfer.Rules{Prune: true})
			if got, want := kept(t, to), kept(t, from); !reflect.DeepEqual(got, want) {
				t.Fatalf("round %d:\n got %+v\nwant %+v", round, got, want)
			}
			if times == 1 && counts[transfer.Keep] != len(kept(t, from)) || times == 1 && len(counts) > 1 {
				t.Errorf("a second time it does %v", counts)
			}
		}
		before := position(t, to)
		bring(t, to, file, transfer.Rules{})
		if after := position(t, to); after != before {
			t.Errorf("a repetition wrote revision %d after %d", after, before)
		}
		again := read(t, exported(t, to, transfer.Export{}))
		for i := range again.Tenants {
			for j := range again.Tenants[i].Integrations {
				again.Tenants[i].Integrations[j].Revision = file.Tenants[i].Integrations[j].Revision
			}
			if !reflect.DeepEqual(again.Tenants[i].Integrations, file.Tenants[i].Integrations) {
				t.Errorf("the export of the import differs for %s", again.Tenants[i].ID)
			}
		}
	}
}

func position(t *testing.T, s *transfer.StoreTarget) uint64 {
	t.Helper()
	at, err := s.Store.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at.Revision
}
