package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/storetest"
	"originwarden/store/storetest/historytest"
)

var (
	_ store.Store      = (*sqlite.Store)(nil)
	_ store.ManyLoader = (*sqlite.Store)(nil)
)

func TestStore_ImplementsStoreContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := sqlite.Options{Path: filepath.Join(t.TempDir(), "originwarden.db"), Limits: limits, History: store.Retention{Records: 1000}}
		s := openStore(t, o)
		t.Cleanup(func() {
			if !t.Failed() {
				_ = s.Close()
				wantConsistent(t, o.Path)
			}
		})
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			s = openStore(t, o)
			return s
		}
	})
}

func TestStore_KeepsHistory(t *testing.T) {
	historytest.Run(t, func(t *testing.T, keep store.Retention) (store.Store, func(*testing.T, store.Retention) store.Store) {
		o := testOptions(filepath.Join(t.TempDir(), "originwarden.db"))
		o.History = keep
		s := openStore(t, o)
		return &store.Monitored{Store: s, Timeout: time.Second}, func(t *testing.T, keep store.Retention) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			o.History = keep
			s = openStore(t, o)
			return s
		}
	})
}

// openStore opens a store, which is closed when t ends.
func openStore(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// openNewStore opens a store on a new file.
func openNewStore(t testing.TB) (s *sqlite.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "originwarden.db")
	return openStore(t, testOptions(path)), path
}

// withTimeout returns a context for calls that must not block.
func withTimeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// holdEdit keeps an edit of w open until release is called, which returns the
// edit's error.
func holdEdit(t *testing.T, s store.Store, w store.WebIntegration) (release func() error) {
	t.Helper()
	inside, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.Edit(t.Context(), w.TenantID, w.ID, func(w *store.WebIntegration) error {
			close(inside)
			<-resume
			w.Name = "edited"
			return nil
		})
		done <- err
	}()
	<-inside
	return func() error { close(resume); return <-done }
}

func TestStore_ReadsDuringWrite(t *testing.T) {
	s, _ := openNewStore(t)
	w := create(t, s, newIntegration("one", 10))
	release := holdEdit(t, s, w)
	ctx := withTimeout(t)
	got, err := s.Integration(ctx, "acme", w.ID)
	page, pageErr := s.Page(ctx, "acme", store.Query{Limit: 10})
	revision, all, loadErr := s.Load(ctx, "acme")
	if err := errors.Join(err, pageErr, loadErr); err != nil {
		t.Error(err)
	}
	for _, got := range []any{got, page.Integrations[0], all[0]} {
		if !reflect.DeepEqual(got, w) {
			t.Errorf("a read returned %+v, want %+v", got, w)
		}
	}
	if revision != w.Revision {
		t.Errorf("Load returned revision %d, want %d", revision, w.Revision)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestStore_CloseWaitsForRunningCalls(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 10))
	release := holdEdit(t, s, w)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	wantInUse(t, path)
	if err := release(); err != nil {
		t.Errorf("Edit: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if got, err := openStore(t, testOptions(path)).Integration(t.Context(), "acme", w.ID); err != nil || got.Name != "edited" {
		t.Errorf("after the edit: %+v, %v", got, err)
	}
}

func TestStore_CanBeReadByAnotherProcess(t *testing.T) {
	s, path := openNewStore(t)
	w := newIntegration("one", 0)
	w.ValidOrigins = []string{"https://a.example", "https://b.example"}
	create(t, s, w)
	reader := startProcess(t, "read", path)
	if line := reader.line(t); line != `one ["https://a.example","https://b.example"] 1` {
		t.Errorf("the other process read %s", line)
	}
	reader.end(t)
	create(t, s, newIntegration("two", 1))
}

// Another program may write to the file too. Meanwhile, writes of the store wait.
func TestStore_WaitsForOtherWriterUntilContextEnds(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 1))
	db := openDatabase(t, path)
	db.SetMaxOpenConns(1)
	execute := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Create(ctx, newIntegration("two", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want DeadlineExceeded", err)
	}
	if waited := time.Since(start); waited >= 5*time.Second {
		t.Errorf("Create waited %v", waited)
	}
	if _, err := s.Integration(withTimeout(t), "acme", w.ID); err != nil {
		t.Errorf("read during a write of another program: %v", err)
	}
	execute("ROLLBACK")
	create(t, s, newIntegration("two", 1))
}

func TestStore_RecoversFromFullDisk(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 1000))
	limitPages := func(pages int) {
		t.Helper()
		if err := s.SetMaxPages(t.Context(), pages); err != nil {
			t.Fatal(err)
		}
	}
	limitPages(1)
	_, createErr := s.Create(t.Context(), newIntegration("two", 1000))
	limitPages(1) // the limit is lost if the connection was replaced
	_, editErr := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = newIntegration("more", 2000).ValidOrigins
		return nil
	})
	if createErr == nil || editErr == nil {
		t.Fatalf("Create: %v, Edit: %v; want errors", createErr, editErr)
	}
	revision, all, err := s.Load(t.Context(), "acme")
	if err != nil || revision != w.Revision || !reflect.DeepEqual(all, []store.WebIntegration{w}) {
		t.Errorf("Load = %d web integrations at revision %d, %v; want 1 at %d", len(all), revision, err, w.Revision)
	}
	limitPages(1 << 30)
	if two := create(t, s, newIntegration("two", 1000)); two.Revision <= w.Revision {
		t.Errorf("the next revision is %d, want more than %d", two.Revision, w.Revision)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantConsistent(t, path)
}

// Pragmas apply to one connection, and database/sql replaces connections whose call was
// interrupted.
func TestStore_SetsPragmasOnEveryConnection(t *testing.T) {
	s, _ := openNewStore(t)
	for _, c := range []struct{ setPragma, writer, reader string }{
		{"journal_mode", "wal", "wal"},
		{"synchronous", "2", "2"},
		{"foreign_keys", "1", "1"},
		{"query_only", "0", "1"},
		{"busy_timeout", "5000", "5000"},
		{"fullfsync", "1", "1"},
		{"trusted_schema", "0", "0"},
	} {
		writer, reader, err := s.Pragma(t.Context(), c.setPragma)
		if err != nil || writer != c.writer || reader != c.reader {
			t.Errorf("%s = %s for writes and %s for reads, %v; want %s and %s", c.setPragma, writer, reader, err, c.writer, c.reader)
		}
	}
}

func TestStore_DoesNotRecreateRemovedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	s, path := openNewStore(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Position(t.Context()); err == nil {
		t.Errorf("Position = %+v, want an error", at)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a new file was created")
	}
}

// An operator may lower the limits below the current size of a tenant.
func TestStore_LetsTenantOverLimitShrink(t *testing.T) {
	s, path := openNewStore(t)
	one, two := create(t, s, newIntegration("one", 10)), create(t, s, newIntegration("two", 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, sqlite.Options{Path: path, Limits: store.Limits{Integrations: 1, Origins: 5}})
	resize := func(w store.WebIntegration, n int) error {
		_, err := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
			w.ValidOrigins = slices.Repeat([]string{"https://a.example"}, n)
			return nil
		})
		return err
	}
	var limit *store.LimitError
	if err := resize(one, 11); !errors.As(err, &limit) {
		t.Errorf("growing: error %v, want a LimitError", err)
	}
	if err := errors.Join(resize(one, 10), resize(one, 9)); err != nil {
		t.Errorf("shrinking: %v", err)
	}
	if _, err := s.Delete(t.Context(), "acme", two.ID, func(store.WebIntegration) error { return nil }); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := resize(one, 0); err != nil {
		t.Errorf("emptying: %v", err)
	}
	if err := resize(one, 5); err != nil {
		t.Errorf("growing to the limit: %v", err)
	}
}

func TestStore_RefusesInvalidUTF8(t *testing.T) {
	s, _ := openNewStore(t)
	w := newIntegration("one", 1)
	w.ValidOrigins = append(w.ValidOrigins, "https://\xff.example")
	if _, err := s.Create(t.Context(), w); err == nil {
		t.Error("Create returned no error")
	}
	if revision, all, err := s.Load(t.Context(), "acme"); revision != 0 || len(all) > 0 || err != nil {
		t.Errorf("Load = %v at revision %d, %v; want nothing", all, revision, err)
	}
}

func TestStore_ReadsListsWrittenByHand(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 1))
	db := openDatabase(t, path)
	for list, want := range map[string][]string{
		`["https://a.example", "https://b.example"]`:       {"https://a.example", "https://b.example"},
		"[\n\t\"https://a.example\"\n]\n":                  {"https://a.example"},
		`["https:\/\/a.example","https://\u0062.example"]`: {"https://a.example", "https://b.example"},
		`["a\",\"b","c"]`:                                  {`a","b`, "c"},
		`["","",""]`:                                       {"", "", ""},
		`[""]`:                                             {""},
		`[ ]`:                                              {},
	} {
		if _, err := db.Exec("UPDATE web_integrations SET valid_origins = ?", list); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Integration(t.Context(), "acme", w.ID); err != nil || !slices.Equal(got.ValidOrigins, want) {
			t.Errorf("%s is read as %q, %v; want %q", list, got.ValidOrigins, err, want)
		}
	}
	for _, list := range []string{`{"a":"b"}`, `"a"`, `7`, `[7]`, `["a",["b"]]`} {
		if _, err := db.Exec("UPDATE web_integrations SET valid_origins = ?", list); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Integration(t.Context(), "acme", w.ID); err == nil {
			t.Errorf("%s is read as %q, want an error", list, got.ValidOrigins)
		}
	}
	if _, err := db.Exec("UPDATE web_integrations SET valid_origins = 'a'"); err == nil {
		t.Error("the database accepted a list that is not JSON")
	}
}

func FuzzDecode_ReversesEncode(f *testing.F) {
	f.Add("", "")
	f.Add("https://a.example", `a","b`)
	f.Add(`\`, "\x00\u2028\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, entries := range [][]string{{a}, {a, b}, {a, b, a}} {
			text, err := sqlite.Encode(entries)
			if err != nil {
				continue
			}
			if got, err := store.DecodeEntries(text); err != nil || !slices.Equal(got, entries) {
				t.Errorf("%q is encoded as %s and decoded as %q, %v", entries, text, got, err)
			}
		}
	})
}
