package disk_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/origins"
)

const killTenants = 20

// snapshotOf returns what the writer writes at a revision: each revision replaces
// or sometimes removes the list of one tenant.
func snapshotOf(revision uint64) *lists.Snapshot {
	lists := map[string]*origins.List{}
	for r := revision; r > 0 && r+killTenants > revision; r-- {
		if r%7 != 0 {
			lists[tenantOf(r)] = newDatedList(r, int(r*131%500))
		}
	}
	return snapshotAt(revision, lists)
}

func tenantOf(revision uint64) string { return fmt.Sprint("tenant-", revision%killTenants) }

// writeUntilKilled continues from the snapshot on disk and prints each revision
// that it has written.
func writeUntilKilled(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	fmt.Println(0)
	s, err := d.Read()
	if errors.Is(err, disk.ErrNone) {
		s, err = snapshotAt(0, map[string]*origins.List{}), nil
	}
	for revision := uint64(0); err == nil; {
		revision = s.At.Revision + 1
		next := snapshotAt(revision, s.Lists)
		delete(next.Lists, tenantOf(revision))
		if l := snapshotOf(revision).Lists[tenantOf(revision)]; l != nil {
			next.Lists[tenantOf(revision)] = l
		}
		if err = d.Write(next); err == nil {
			fmt.Println(revision)
		}
		s = next
	}
	return err
}

func TestWrite_KeepsAcknowledgedWritesWhenKilled(t *testing.T) {
	path := newDir(t)
	acknowledged := 0
	for round := range 12 {
		writer := startProcess(t, "write", path)
		note := func(line string) {
			n, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = max(acknowledged, n)
		}
		for range 1 + round*3 {
			note(writer.readLine(t))
		}
		time.AfterFunc(time.Duration(round*700)*time.Microsecond, func() { _ = writer.Process.Kill() })
		for writer.stdout.Scan() { // what it printed before it was killed
			note(writer.stdout.Text())
		}
		_ = writer.Wait()
		wantAcknowledged(t, path, acknowledged)
	}
}

func wantAcknowledged(t *testing.T, path string, acknowledged int) {
	t.Helper()
	d := openDisk(t, path)
	defer closeDisk(t, d)
	s, err := d.Read()
	switch {
	case errors.Is(err, disk.ErrNone) && acknowledged == 0:
		return
	case err != nil:
		t.Fatal(err)
	case s.At.Revision < uint64(acknowledged) || s.At.Revision > uint64(acknowledged)+1:
		t.Errorf("snapshot at revision %d, acknowledged was %d", s.At.Revision, acknowledged)
	}
	wantSame(t, s, snapshotOf(s.At.Revision))
}
