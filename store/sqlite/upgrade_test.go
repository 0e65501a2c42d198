package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/history"
	"originwarden/store/sqlite"
)

// earlierSchemas are what stores of each schema contain. Gateways of these versions
// have made the same writes, and refused the same requests.
var earlierSchemas = []struct {
	version  int
	records  []string // of the history of acme
	refusals []string // of acme
	gateways int      // rows of heartbeats, which have expired
}{
	{version: 1},
	{version: 2},
	{version: 3, records: writtenRecords},
	{version: 4, records: writtenRecords, refusals: writtenRefusals},
	{version: 5, records: writtenRecords, refusals: writtenRefusals, gateways: 1},
	{version: 6, records: writtenRecords, refusals: writtenRefusals, gateways: 1},
}

var (
	writtenLists = map[string]string{
		"acme": "revision 6: " +
			"Portal by ops at 2, 2026-11-30: https://portal.example; " +
			"Shop by ops at 5, 2026-11-30: https://shop.example https://m.shop.example",
		"globex": "revision 6: Shop by ops at 4, 2026-11-30: http://localhost:3000",
	}
	writtenRecords = []string{
		"1 created Shop by ops, 2 values", "2 created Portal by ops, 2 values", "3 created Old by ops, 2 values",
		"5 updated Shop by ops, 2 values", "6 deleted Old by ops, 2 values",
	}
	writtenRefusals = []string{"https://evil.example origin_not_listed GET / 3 times"}
)

// A store keeps all that an earlier version has written, and takes new writes.
func TestOpen_KeepsStoresOfEarlierSchemas(t *testing.T) {
	for _, earlier := range earlierSchemas {
		t.Run(fmt.Sprint("schema ", earlier.version), func(t *testing.T) {
			path := earlierStore(t, earlier.version)
			s := openStore(t, keepingAll(path))
			wantLists(t, s)
			wantEqual(t, "history", recordsOf(t, s, "acme"), earlier.records)
			wantEqual(t, "refusals", refusalsOf(t, s, "acme"), earlier.refusals)
			if n := countRows(t, path, "gateways"); n != earlier.gateways {
				t.Errorf("%d rows of heartbeats, want %d", n, earlier.gateways)
			}
			editAndUndo(t, s)
		})
	}
}

// A migrated store has the schema of a new one, and the identity that it had.
func TestOpen_MigratesToTheSchemaOfNewStores(t *testing.T) {
	if newest := newestSchema(t); newest != fmt.Sprint(len(earlierSchemas)) {
		t.Fatalf("the newest schema is %s: add testdata of a store with it", newest)
	}
	_, created := openNewStore(t)
	want := schemaOf(t, created)
	for _, earlier := range earlierSchemas {
		path := earlierStore(t, earlier.version)
		before := ""
		if earlier.version > 1 {
			before = identityOf(t, path)
		}
		s := openStore(t, keepingAll(path))
		at, err := s.Position(withTimeout(t))
		if err != nil || at.Revision != 6 || at.Store == "" || before != "" && at.Store != before {
			t.Errorf("schema %d: position %+v, %v; want revision 6 of %q", earlier.version, at, err, before)
		}
		if got := schemaOf(t, path); got != want {
			t.Errorf("schema %d becomes\n%s\nwant\n%s", earlier.version, got, want)
		}
	}
}

// earlierStore returns a store of an earlier schema, without its write-ahead log.
func earlierStore(t *testing.T, version int) (path string) {
	t.Helper()
	statements, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.sql", version))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "originwarden.db")
	if err := os.WriteFile(path, databaseWith(t, string(statements)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keepingAll returns options that keep the records of testdata whatever the date is.
func keepingAll(path string) sqlite.Options {
	o := testOptions(path)
	o.History.Age = 0
	return o
}

func wantLists(t *testing.T, s store.Store) {
	t.Helper()
	for tenant, want := range writtenLists {
		revision, all, err := s.Load(withTimeout(t), tenant)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b store.WebIntegration) int { return strings.Compare(a.Name, b.Name) })
		var texts []string
		for _, w := range all {
			if !store.IsID(w.ID) || w.TenantID != tenant || w.LastUpdated.Before(w.Created) {
				t.Errorf("%+v", w)
			}
			texts = append(texts, fmt.Sprintf("%s by %s at %d, %s: %s", w.Name, w.CreatedBy, w.Revision, w.Created.Format("2006-01-02"), strings.Join(w.ValidOrigins, " ")))
		}
		if got := fmt.Sprintf("revision %d: %s", revision, strings.Join(texts, "; ")); got != want {
			t.Errorf("%s has %s\nwant %s", tenant, got, want)
		}
	}
}

func recordsOf(t *testing.T, s store.Store, tenant string) (texts []string) {
	t.Helper()
	page, err := s.History(withTimeout(t), tenant, store.HistoryQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Records {
		texts = append(texts, fmt.Sprintf("%s %s %s by %s, %d values", r.ID, r.Operation, r.Name, r.Subject, len(r.Updates)))
	}
	return texts
}

func refusalsOf(t *testing.T, s *sqlite.Store, tenant string) (texts []string) {
	t.Helper()
	all, err := s.Refusals(withTimeout(t), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		texts = append(texts, fmt.Sprintf("%s %s %s %s %d times", r.Origin, r.Reason, r.Method, r.Path, r.Count))
	}
	return texts
}

// editAndUndo edits a web integration of an earlier version, which the history records,
// and undoes that.
func editAndUndo(t *testing.T, s store.Store) {
	t.Helper()
	_, all, err := s.Load(withTimeout(t), "globex")
	if err != nil || len(all) != 1 {
		t.Fatalf("Load = %v, %v", all, err)
	}
	before, ctx := all[0], store.WithAuthor(withTimeout(t), "ann")
	set := func(entries ...string) store.WebIntegration {
		w, err := s.Edit(ctx, "globex", before.ID, func(w *store.WebIntegration) error { w.ValidOrigins = entries; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if w := set("http://localhost:3000", "https://new.example"); w.Revision != 7 {
		t.Errorf("the first write is at revision %d, want 7", w.Revision)
	}
	page, err := s.History(ctx, "globex", store.HistoryQuery{After: 6, Limit: 10})
	if err != nil || len(page.Records) != 1 || page.Records[0].Subject != "ann" {
		t.Fatalf("History = %+v, %v; want the write", page.Records, err)
	}
	_, all, _ = s.Load(ctx, "globex")
	undo, err := history.NewUndo(page.Records[0], &all[0], nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "entries after an undo", set(undo.ValidOrigins...).ValidOrigins, before.ValidOrigins)
}

func wantEqual(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func countRows(t *testing.T, path, table string) (n int) {
	t.Helper()
	scanOne(t, path, "SELECT count(*) FROM "+table, &n)
	return n
}

func identityOf(t *testing.T, path string) (identity string) {
	t.Helper()
	scanOne(t, path, "SELECT identity FROM store", &identity)
	return identity
}

// schemaOf returns the version and the statements of a file's schema.
func schemaOf(t *testing.T, path string) (schema string) {
	t.Helper()
	scanOne(t, path, `SELECT user_version || char(10) || group_concat(sql, char(10))
		FROM pragma_user_version, (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)`, &schema)
	return schema
}

func scanOne(t *testing.T, path, query string, to any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err == nil {
		defer db.Close()
		err = db.QueryRow(query).Scan(to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
