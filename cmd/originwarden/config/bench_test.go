package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

// BenchmarkLoad reads and checks a configuration with 100,000 tenants in a file.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	var ids strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&ids, "tenant-%d\n", i)
	}
	file, list := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "ids.txt")
	text := "tenants: [{ids_file: '" + list + "', hosts: ['{id}.example.com'], upstream: 'http://{id}.internal:8080'}]\n"
	for name, content := range map[string]string{file: text, list: ids.String()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		cfg, err := config.Load(file)
		if err != nil || cfg.Groups().Len() != 100_000 {
			b.Fatalf("%v", err)
		}
	}
}
