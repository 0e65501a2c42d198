package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// writeLists imports the lists of the site into a new store.
func (e *Environment) writeLists(ctx context.Context, s Site, dir string) error {
	file, err := os.Create(filepath.Join(dir, "lists.jsonl"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	writeExport(w, s)
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, e.gateway, "import", "--store", "sqlite:"+filepath.Join(dir, "lists.db"), file.Name())
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("importing lists: %w: %s", err, output[max(0, len(output)-500):])
	}
	return nil
}

const originsPerIntegration = 1000 // the maximum by default

// writeExport writes what the command import reads.
func writeExport(w io.Writer, s Site) {
	now := time.Now().UTC().Format(time.RFC3339)
	fmt.Fprintf(w, "{\"originwarden\":\"export\",\"version\":1,\"exported\":%q}\n", now)
	size, count := originsPerIntegration, 0
	if s.Integrations > 0 {
		size = (s.originCount() + s.Integrations - 1) / s.Integrations
	}
	for tenant := range s.TenantCount() {
		fmt.Fprintf(w, "{\"tenant\":\"t%d\"}\n", tenant)
		for first := 0; first < s.originCount(); first += size {
			var quoted []string
			for i := first; i < min(first+size, s.originCount()); i++ {
				quoted = append(quoted, fmt.Sprintf("%q", ListedOrigin(i)))
			}
			fmt.Fprintf(w, "{\"id\":\"%032d\",\"tenantId\":\"t%d\",\"name\":\"bench %d\",\"createdBy\":\"bench\",\"created\":%q,\"lastUpdated\":%q,\"validOrigins\":[%s]}\n",
				count, tenant, first/size, now, now, strings.Join(quoted, ","))
			count++
		}
	}
	fmt.Fprintf(w, "{\"end\":true,\"integrations\":%d}\n", count)
}
