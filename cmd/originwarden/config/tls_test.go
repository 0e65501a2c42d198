package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestParse_ReportsTLSThatCannotBeUsed(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.pem")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	const tenant = "tenants: [{id: a, upstream: 'https://127.0.0.1:1', upstream_tls: {"
	rows := []struct{ configuration, mistake string }{
		{"tls: {cert: a.pem}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: a certificate needs both cert and key"},
		{"tls: {cert: /none.pem, key: /none.key}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: open /none.pem: no such file"},
		{"tls: {cert: " + text + ", key: " + text + "}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: tls: failed to find any PEM data"},
		{tenant + "ca: /none.pem}}]", "c.yaml:1: tenants[0].upstream_tls: open /none.pem: no such file"},
		{tenant + "ca: " + text + "}}]", "c.yaml:1: tenants[0].upstream_tls: " + text + " has no certificate in PEM"},
		{tenant + "key: " + text + "}}]", "c.yaml:1: tenants[0].upstream_tls: a certificate needs both cert and key"},
		{strings.Replace(tenant, "https", "http", 1) + "server_name: a}}]", "c.yaml:1: tenants[0].upstream_tls is for an upstream of https"},
	}
	for _, row := range rows {
		_, err := config.Parse("c.yaml", []byte(row.configuration))
		if err == nil || !strings.HasPrefix(err.Error(), row.mistake) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v\nwant %s", row.configuration, err, row.mistake)
		}
	}
}
