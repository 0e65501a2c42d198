package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// The stages of a web integration. The writer prints a line for each stage that the
// store has acknowledged. It deletes every other web integration.
const (
	created = iota
	edited
	deleted
)

// writeUntilKilled runs several concurrent writers.
func writeUntilKilled(path string) error {
	s, err := sqlite.Open(context.Background(), testOptions(path))
	if err != nil {
		return err
	}
	fmt.Println("open")
	failed := make(chan error)
	for range 4 {
		go func() {
			for toDelete := false; ; toDelete = !toDelete {
				if err := writeOne(s, toDelete); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func writeOne(s store.Store, toDelete bool) error {
	ctx := context.Background()
	w := atStage(newIntegration(fmt.Sprintf("doomed %t", toDelete), 0), created)
	w, err := s.Create(ctx, w)
	if err != nil {
		return err
	}
	fmt.Println(w.ID, created, w.Revision, toDelete) // one write to the pipe
	w, err = s.Edit(ctx, w.TenantID, w.ID, func(w *store.WebIntegration) error { *w = atStage(*w, edited); return nil })
	if err != nil {
		return err
	}
	fmt.Println(w.ID, edited, w.Revision, toDelete)
	if !toDelete {
		return nil
	}
	revision, err := s.Delete(ctx, w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
	fmt.Println(w.ID, deleted, revision, toDelete)
	return err
}

// atStage returns w with fields and entries that depend on the stage. Its row takes
// several pages.
func atStage(w store.WebIntegration, stage int) store.WebIntegration {
	w.CreatedBy = fmt.Sprint(stage)
	w.LastUpdated = time.Unix(int64(stage), 0).UTC()
	w.ValidOrigins = slices.Repeat([]string{fmt.Sprintf("https://stage-%d.%s.example", stage, strings.Repeat("x", 40))}, 200+100*stage)
	return w
}

// acknowledgement is the last one of a web integration.
type acknowledgement struct {
	stage    int
	revision uint64
	toDelete bool
}

func TestStore_KeepsAcknowledgedWritesWhenKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "originwarden.db")
	acknowledged := map[string]acknowledgement{}
	for _, writes := range []int{1, 10, 0, 50, 3, 100} {
		writer := startProcess(t, "write", path)
		writer.line(t) // open
		for range writes {
			recordAcknowledgement(t, acknowledged, writer.line(t))
		}
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for writer.stdout.Scan() { // printed before it was killed
			recordAcknowledgement(t, acknowledged, writer.stdout.Text())
		}
		_ = writer.Wait()
		wantConsistent(t, path)
		wantAcknowledged(t, path, acknowledged)
	}
}

// TestStore_OpensAfterKillDuringOpen kills the process while it creates the file.
func TestStore_OpensAfterKillDuringOpen(t *testing.T) {
	for i := range 10 {
		path := filepath.Join(t.TempDir(), "originwarden.db")
		writer := startProcess(t, "write", path)
		time.AfterFunc(time.Duration(i)*3*time.Millisecond, func() { _ = writer.Process.Kill() })
		for writer.stdout.Scan() {
		}
		_ = writer.Wait()
		create(t, openStore(t, testOptions(path)), newIntegration("afterwards", 1))
		wantConsistent(t, path)
	}
}

// recordAcknowledgement records a line that the writer has printed.
func recordAcknowledgement(t *testing.T, acknowledged map[string]acknowledgement, line string) {
	t.Helper()
	var id string
	var a acknowledgement
	if _, err := fmt.Sscan(line, &id, &a.stage, &a.revision, &a.toDelete); err != nil {
		t.Fatalf("the writer printed %q: %v", line, err)
	}
	acknowledged[id] = a
}

// wantAcknowledged checks that the store has every acknowledged write completely, and
// after it at most the one write that was in progress.
func wantAcknowledged(t *testing.T, path string, acknowledged map[string]acknowledgement) {
	t.Helper()
	s := openStore(t, testOptions(path))
	revision, all, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]store.WebIntegration{}
	for _, w := range all {
		kept[w.ID] = w
		wantComplete(t, w)
	}
	for id, a := range acknowledged {
		wantAtLeast(t, id, a, kept)
		if a.revision > revision {
			t.Errorf("%s was acknowledged at revision %d, but the store is at %d", id, a.revision, revision)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// wantComplete checks that all of w is of one stage.
func wantComplete(t *testing.T, w store.WebIntegration) {
	t.Helper()
	for _, stage := range []int{created, edited} {
		if want := atStage(w, stage); w.CreatedBy == want.CreatedBy {
			if !w.LastUpdated.Equal(want.LastUpdated) || !slices.Equal(w.ValidOrigins, want.ValidOrigins) {
				t.Errorf("%s is partly written: %+v", w.ID, w)
			}
			return
		}
	}
	t.Errorf("%s has an unknown stage %q", w.ID, w.CreatedBy)
}

// wantAtLeast checks that the web integration is at the acknowledged stage or the one
// after it.
func wantAtLeast(t *testing.T, id string, a acknowledgement, kept map[string]store.WebIntegration) {
	t.Helper()
	w, ok := kept[id]
	mayBeDeleted := a.stage == deleted || a.toDelete && a.stage == edited // the deletion may have been in progress
	switch {
	case !ok && !mayBeDeleted:
		t.Errorf("%s is lost; acknowledged: %+v", id, a)
	case ok && a.stage == deleted:
		t.Errorf("%s is stored after its deletion; acknowledged: %+v", id, a)
	case ok && w.CreatedBy == fmt.Sprint(a.stage) && w.Revision != a.revision,
		ok && w.CreatedBy < fmt.Sprint(a.stage):
		t.Errorf("%s is at stage %s and revision %d; acknowledged: %+v", id, w.CreatedBy, w.Revision, a)
	}
}

// wantConsistent checks the file, its foreign keys, and the counts used for limits.
func wantConsistent(t *testing.T, path string) {
	t.Helper()
	db := openDatabase(t, path)
	defer db.Close()
	for query, want := range map[string]string{
		"PRAGMA integrity_check":                        "ok",
		"SELECT count(*) FROM pragma_foreign_key_check": "0",
		`SELECT count(*) FROM tenants t WHERE
			integrations <> (SELECT count(*) FROM web_integrations w WHERE w.tenant = t.id) OR
			origins <> (SELECT coalesce(sum(origins), 0) FROM web_integrations w WHERE w.tenant = t.id)`: "0",
	} {
		var got string
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s returned %q, %v; want %q", query, got, err, want)
		}
	}
}
