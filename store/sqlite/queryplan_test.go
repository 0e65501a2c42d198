package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"originwarden/store/sqlite"
)

// Every read uses an index and sorts nothing, so its cost depends only on the size of
// the result.
func TestStore_ReadsOnlyByIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "originwarden.db")
	openStore(t, testOptions(path))
	db := openDatabase(t, path)
	for name, query := range sqlite.ReadQueries() {
		t.Run(name, func(t *testing.T) {
			rows, err := db.Query("EXPLAIN QUERY PLAN "+query, 1, 2, 3, 4, 5, 6)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			searches := 0
			for rows.Next() {
				var id, parent, unused int
				var step string
				if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
					t.Fatal(err)
				}
				t.Log(step)
				switch {
				case strings.HasPrefix(step, "SEARCH "):
					searches++
				case step != "SCAN CONSTANT ROW" && !strings.HasPrefix(step, "SCALAR SUBQUERY") && !strings.HasPrefix(step, "SCAN json_each "):
					t.Errorf("%s\n%s", query, step)
				}
			}
			if err := rows.Err(); err != nil || searches == 0 {
				t.Errorf("the query plan has %d searches, %v; want at least 1", searches, err)
			}
		})
	}
}
