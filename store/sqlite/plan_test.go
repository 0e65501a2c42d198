package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"originwarden/store/sqlite"
)

// Nothing is read but by an index, and nothing is sorted: the cost is that of
// the response.
func TestStore_ReadsByIndexAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "originwarden.db")
	open(t, ample(path))
	db := raw(t, path)
	for name, query := range sqlite.ReadQueries() {
		t.Run(name, func(t *testing.T) {
			rows, err := db.Query("EXPLAIN QUERY PLAN "+query, 1, 2, 3, 4)
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
				case step != "SCAN CONSTANT ROW" && !strings.HasPrefix(step, "SCALAR SUBQUERY"):
					t.Errorf("%s\n%s", query, step)
				}
			}
			if err := rows.Err(); err != nil || searches == 0 {
				t.Errorf("%d searches, %v", searches, err)
			}
		})
	}
}
