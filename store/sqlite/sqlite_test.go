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
)

var _ store.Store = (*sqlite.Store)(nil)

func TestStore_KeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := sqlite.Options{Path: filepath.Join(t.TempDir(), "originwarden.db"), Limits: limits}
		s := open(t, o)
		t.Cleanup(func() {
			if !t.Failed() {
				_ = s.Close()
				wantSound(t, o.Path)
			}
		})
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			s = open(t, o)
			return s
		}
	})
}

// open opens a store that is closed when t ends.
func open(t testing.TB, o sqlite.Options) *sqlite.Store {
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

// openNew opens a store on a new file.
func openNew(t testing.TB) (s *sqlite.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "originwarden.db")
	return open(t, ample(path)), path
}

// within is ample time for what must not wait.
func within(t *testing.T) context.Context {
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

func TestStore_ReadsWhileAWriteIsUnderWay(t *testing.T) {
	s, _ := openNew(t)
	w := create(t, s, entry("one", 10))
	release := holdEdit(t, s, w)
	ctx := within(t)
	got, err := s.Integration(ctx, "acme", w.ID)
	page, pageErr := s.Page(ctx, "acme", store.Query{Limit: 10})
	revision, all, loadErr := s.Load(ctx, "acme")
	if err := errors.Join(err, pageErr, loadErr); err != nil {
		t.Error(err)
	}
	for _, got := range []any{got, page.Integrations[0], all[0]} {
		if !reflect.DeepEqual(got, w) {
			t.Errorf("a read has %+v, want %+v", got, w)
		}
	}
	if revision != w.Revision {
		t.Errorf("a load is at revision %d", revision)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestStore_ClosesAfterTheCallsThatRun(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 10))
	release := holdEdit(t, s, w)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	wantInUse(t, path)
	if err := release(); err != nil {
		t.Errorf("the edit: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if got, err := open(t, ample(path)).Integration(t.Context(), "acme", w.ID); err != nil || got.Name != "edited" {
		t.Errorf("the edit left %+v, %v", got, err)
	}
}

func TestStore_CanBeReadByAnotherProcess(t *testing.T) {
	s, path := openNew(t)
	w := entry("one", 0)
	w.ValidOrigins = []string{"https://a.example", "https://b.example"}
	create(t, s, w)
	reader := start(t, "read", path)
	if line := reader.line(t); line != `one ["https://a.example","https://b.example"] 1` {
		t.Errorf("it reads %s", line)
	}
	reader.end(t)
	create(t, s, entry("two", 1))
}

// A shell may write to the file too. While it does, a write here waits.
func TestStore_WaitsForAnotherWriterNoLongerThanItsContext(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 1))
	shell := raw(t, path)
	shell.SetMaxOpenConns(1)
	execute := func(statement string) {
		t.Helper()
		if _, err := shell.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Create(ctx, entry("two", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if waited := time.Since(start); waited >= 5*time.Second {
		t.Errorf("it waited %v", waited)
	}
	if _, err := s.Integration(within(t), "acme", w.ID); err != nil {
		t.Errorf("a read beside the shell: %v", err)
	}
	execute("ROLLBACK")
	create(t, s, entry("two", 1))
}

func TestStore_GoesOnAfterTheDiskWasFull(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 1000))
	fill := func(pages int) {
		t.Helper()
		if err := s.SetMaxPages(t.Context(), pages); err != nil {
			t.Fatal(err)
		}
	}
	fill(1)
	_, createErr := s.Create(t.Context(), entry("two", 1000))
	fill(1) // the connection may be another one
	_, editErr := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = entry("more", 2000).ValidOrigins
		return nil
	})
	if createErr == nil || editErr == nil {
		t.Fatalf("the errors are %v and %v", createErr, editErr)
	}
	revision, all, err := s.Load(t.Context(), "acme")
	if err != nil || revision != w.Revision || !reflect.DeepEqual(all, []store.WebIntegration{w}) {
		t.Errorf("%d are kept at revision %d, %v", len(all), revision, err)
	}
	fill(1 << 30)
	if two := create(t, s, entry("two", 1000)); two.Revision <= w.Revision {
		t.Errorf("the next revision is %d", two.Revision)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantSound(t, path)
}

// SQLite keeps these with the connection, and database/sql replaces
// connections whose call was interrupted.
func TestStore_HoldsEveryConnectionToItsPragmas(t *testing.T) {
	s, _ := openNew(t)
	for _, c := range []struct{ pragma, writer, reader string }{
		{"journal_mode", "wal", "wal"},
		{"synchronous", "2", "2"},
		{"foreign_keys", "1", "1"},
		{"query_only", "0", "1"},
		{"busy_timeout", "5000", "5000"},
		{"fullfsync", "1", "1"},
		{"trusted_schema", "0", "0"},
	} {
		writer, reader, err := s.Pragma(t.Context(), c.pragma)
		if err != nil || writer != c.writer || reader != c.reader {
			t.Errorf("%s is %s for writes and %s for reads, %v; want %s and %s", c.pragma, writer, reader, err, c.writer, c.reader)
		}
	}
}

func TestStore_MakesNoNewFileWhenItsOwnHasGone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	s, path := openNew(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Position(t.Context()); err == nil {
		t.Errorf("it is at %+v", at)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a new file")
	}
}

// An operator may lower the limits under what a tenant has.
func TestStore_LetsATenantShrinkThatHasMoreThanItMay(t *testing.T) {
	s, path := openNew(t)
	one, two := create(t, s, entry("one", 10)), create(t, s, entry("two", 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, sqlite.Options{Path: path, Limits: store.Limits{Integrations: 1, Origins: 5}})
	resize := func(w store.WebIntegration, n int) error {
		_, err := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
			w.ValidOrigins = slices.Repeat([]string{"https://a.example"}, n)
			return nil
		})
		return err
	}
	var limit *store.LimitError
	if err := resize(one, 11); !errors.As(err, &limit) {
		t.Errorf("growing: %v", err)
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

func TestStore_RefusesAnEntryThatJSONWouldChange(t *testing.T) {
	s, _ := openNew(t)
	w := entry("one", 1)
	w.ValidOrigins = append(w.ValidOrigins, "https://\xff.example")
	if _, err := s.Create(t.Context(), w); err == nil {
		t.Error("it was created")
	}
	if revision, all, err := s.Load(t.Context(), "acme"); revision != 0 || len(all) > 0 || err != nil {
		t.Errorf("%v are kept at revision %d, %v", all, revision, err)
	}
}

func TestStore_ReadsListsWrittenByHand(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 1))
	shell := raw(t, path)
	for list, want := range map[string][]string{
		`["https://a.example", "https://b.example"]`:       {"https://a.example", "https://b.example"},
		"[\n\t\"https://a.example\"\n]\n":                  {"https://a.example"},
		`["https:\/\/a.example","https://\u0062.example"]`: {"https://a.example", "https://b.example"},
		`["a\",\"b","c"]`:                                  {`a","b`, "c"},
		`["","",""]`:                                       {"", "", ""},
		`[""]`:                                             {""},
		`[ ]`:                                              {},
	} {
		if _, err := shell.Exec("UPDATE web_integrations SET valid_origins = ?", list); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Integration(t.Context(), "acme", w.ID); err != nil || !slices.Equal(got.ValidOrigins, want) {
			t.Errorf("%s is read as %q, %v", list, got.ValidOrigins, err)
		}
	}
	for _, list := range []string{`{"a":"b"}`, `"a"`, `7`, `[7]`, `["a",["b"]]`} {
		if _, err := shell.Exec("UPDATE web_integrations SET valid_origins = ?", list); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Integration(t.Context(), "acme", w.ID); err == nil {
			t.Errorf("%s is read as %q", list, got.ValidOrigins)
		}
	}
	if _, err := shell.Exec("UPDATE web_integrations SET valid_origins = 'a'"); err == nil {
		t.Error("the file took a list that is no JSON")
	}
}

func FuzzDecode_GivesBackWhatWasEncoded(f *testing.F) {
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
