package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"originwarden/store"
)

// The lists of tenants in a JSON array, in its order.
const queryMany = "SELECT " + columns + " FROM (SELECT value AS wanted FROM json_each(?1)) CROSS JOIN web_integrations ON tenant = wanted"

// maxManyBytes bounds the origins that LoadMany reads.
const maxManyBytes = 4 << 20

// LoadMany implements store.ManyLoader.
func (s *Store) LoadMany(ctx context.Context, tenants []string) (revision uint64, all map[string][]store.WebIntegration, err error) {
	wanted, err := json.Marshal(tenants)
	if err != nil {
		return 0, nil, fmt.Errorf("sqlite: naming tenants: %w", err)
	}
	err = s.read(ctx, func(conn *sql.Conn) error {
		at, err := readPosition(ctx, conn)
		if err != nil {
			return err
		}
		isFull := false
		rows, err := readIntegrations(ctx, conn, func(bytes int) bool {
			isFull = bytes > maxManyBytes
			return isFull
		}, queryMany, string(wanted))
		if err != nil {
			return err
		}
		revision, all = at.Revision, map[string][]store.WebIntegration{}
		for _, w := range rows {
			all[w.TenantID] = append(all[w.TenantID], w)
		}
		incomplete := ""
		if isFull {
			incomplete = rows[len(rows)-1].TenantID
			delete(all, incomplete)
		}
		for _, tenant := range tenants {
			if isFull && tenant == incomplete {
				break
			}
			if _, has := all[tenant]; !has {
				all[tenant] = nil
			}
		}
		return nil
	})
	return revision, all, err
}
