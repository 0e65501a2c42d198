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

// Each writer takes its entries through these stages, and prints one line when
// the store has acknowledged one. Every other entry is not deleted.
const (
	created = iota
	edited
	deleted
)

// writeUntilKilled writes with several writers at once.
func writeUntilKilled(path string) error {
	s, err := sqlite.Open(context.Background(), ample(path))
	if err != nil {
		return err
	}
	fmt.Println("open")
	failed := make(chan error)
	for range 4 {
		go func() {
			for doomed := false; ; doomed = !doomed {
				if err := writeOne(s, doomed); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func writeOne(s store.Store, doomed bool) error {
	ctx := context.Background()
	w := staged(entry(fmt.Sprintf("doomed %t", doomed), 0), created)
	w, err := s.Create(ctx, w)
	if err != nil {
		return err
	}
	fmt.Println(w.ID, created, w.Revision, doomed) // one write to the pipe
	w, err = s.Edit(ctx, w.TenantID, w.ID, func(w *store.WebIntegration) error { *w = staged(*w, edited); return nil })
	if err != nil {
		return err
	}
	fmt.Println(w.ID, edited, w.Revision, doomed)
	if !doomed {
		return nil
	}
	revision, err := s.Delete(ctx, w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
	fmt.Println(w.ID, deleted, revision, doomed)
	return err
}

// staged returns w with every field and entry telling the stage; its row takes
// several pages.
func staged(w store.WebIntegration, stage int) store.WebIntegration {
	w.CreatedBy = fmt.Sprint(stage)
	w.LastUpdated = time.Unix(int64(stage), 0).UTC()
	w.ValidOrigins = slices.Repeat([]string{fmt.Sprintf("https://stage-%d.%s.example", stage, strings.Repeat("x", 40))}, 200+100*stage)
	return w
}

// acknowledgement is the last one of an entry.
type acknowledgement struct {
	stage    int
	revision uint64
	doomed   bool
}

func TestStore_KeepsWhatWasAcknowledgedWhenKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "originwarden.db")
	acknowledged := map[string]acknowledgement{}
	for _, writes := range []int{1, 10, 0, 50, 3, 100} {
		writer := start(t, "write", path)
		writer.line(t) // open
		for range writes {
			acknowledge(t, acknowledged, writer.line(t))
		}
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for writer.stdout.Scan() { // what it printed before the kill reached it
			acknowledge(t, acknowledged, writer.stdout.Text())
		}
		_ = writer.Wait()
		wantSound(t, path)
		wantAcknowledged(t, path, acknowledged)
	}
}

// TestStore_CanBeOpenedWhenKilledWhileOpening kills it while the file is made.
func TestStore_CanBeOpenedWhenKilledWhileOpening(t *testing.T) {
	for i := range 10 {
		path := filepath.Join(t.TempDir(), "originwarden.db")
		writer := start(t, "write", path)
		time.AfterFunc(time.Duration(i)*3*time.Millisecond, func() { _ = writer.Process.Kill() })
		for writer.stdout.Scan() {
		}
		_ = writer.Wait()
		create(t, open(t, ample(path)), entry("afterwards", 1))
		wantSound(t, path)
	}
}

func acknowledge(t *testing.T, acknowledged map[string]acknowledgement, line string) {
	t.Helper()
	var id string
	var a acknowledgement
	if _, err := fmt.Sscan(line, &id, &a.stage, &a.revision, &a.doomed); err != nil {
		t.Fatalf("the writer printed %q: %v", line, err)
	}
	acknowledged[id] = a
}

// wantAcknowledged wants every acknowledged write, whole, and of what comes
// after it at most the one write that was under way.
func wantAcknowledged(t *testing.T, path string, acknowledged map[string]acknowledgement) {
	t.Helper()
	s := open(t, ample(path))
	revision, all, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]store.WebIntegration{}
	for _, w := range all {
		kept[w.ID] = w
		wantWhole(t, w)
	}
	for id, a := range acknowledged {
		wantLater(t, id, a, kept)
		if a.revision > revision {
			t.Errorf("%s was acknowledged at revision %d, the store is at %d", id, a.revision, revision)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// wantWhole wants w to be all of one stage.
func wantWhole(t *testing.T, w store.WebIntegration) {
	t.Helper()
	for _, stage := range []int{created, edited} {
		if want := staged(w, stage); w.CreatedBy == want.CreatedBy {
			if !w.LastUpdated.Equal(want.LastUpdated) || !slices.Equal(w.ValidOrigins, want.ValidOrigins) {
				t.Errorf("%s is torn: %+v", w.ID, w)
			}
			return
		}
	}
	t.Errorf("%s is of no stage: %q", w.ID, w.CreatedBy)
}

func wantLater(t *testing.T, id string, a acknowledgement, kept map[string]store.WebIntegration) {
	t.Helper()
	w, ok := kept[id]
	gone := a.stage == deleted || a.doomed && a.stage == edited // the deletion may have been under way
	switch {
	case !ok && !gone:
		t.Errorf("%s is lost, acknowledged: %+v", id, a)
	case ok && a.stage == deleted:
		t.Errorf("%s is back, acknowledged: %+v", id, a)
	case ok && w.CreatedBy == fmt.Sprint(a.stage) && w.Revision != a.revision,
		ok && w.CreatedBy < fmt.Sprint(a.stage):
		t.Errorf("%s is at stage %s and revision %d, acknowledged: %+v", id, w.CreatedBy, w.Revision, a)
	}
}

// wantSound checks the file, its references and the counts that limits rely on.
func wantSound(t *testing.T, path string) {
	t.Helper()
	db := raw(t, path)
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
			t.Errorf("%s gives %q, %v; want %q", query, got, err, want)
		}
	}
}
