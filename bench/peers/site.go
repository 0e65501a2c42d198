package peers

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const host = "bench.example"

// RefusedOrigin is an origin that no site lists.
const RefusedOrigin = "https://evil.example.net"

// Site is what a proxy serves: tenants with the same upstream, each with as many listed
// origins. Its zero value is one tenant with ten origins, without TLS.
type Site struct {
	TLS          bool
	Origins      int // of each tenant; 0: ten
	Tenants      int // 0: one
	Integrations int // of each tenant, that the API lists; 0: as few as possible
}

func (s Site) originCount() int {
	if s.Origins == 0 && s.Integrations == 0 {
		return 10
	}
	return max(s.Origins, s.Integrations)
}

// TenantCount returns the number of tenants, which is at least one.
func (s Site) TenantCount() int { return max(s.Tenants, 1) }

func (s Site) hasManyTenants() bool { return s.TenantCount() > 1 }

// HostFormat returns the host of the only tenant, or the format of the hosts of several
// tenants, with %d for the number of the tenant.
func (s Site) HostFormat() string {
	if !s.hasManyTenants() {
		return host
	}
	return "t%d." + host
}

func (s Site) host(tenant int) string {
	if !s.hasManyTenants() {
		return host
	}
	return fmt.Sprintf(s.HostFormat(), tenant)
}

func (s Site) scheme() string {
	if s.TLS {
		return "https"
	}
	return "http"
}

// ListedOrigin returns an origin that a site lists, by its number from zero.
func ListedOrigin(i int) string { return fmt.Sprintf("https://app%d.example.com", i) }

// keys yields what the maps of the other proxies have: the listed origins, or, if there
// are several tenants, each host with each of its origins.
func (s Site) keys(yield func(string) bool) {
	for tenant := range s.TenantCount() {
		for i := range s.originCount() {
			key := ListedOrigin(i)
			if s.hasManyTenants() {
				key = s.host(tenant) + "|" + key
			}
			if !yield(key) {
				return
			}
		}
	}
}

// writeLines writes a file with one line for each key.
func (s Site) writeLines(dir, name, format string) error {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	for key := range s.keys {
		fmt.Fprintf(w, format, key)
	}
	return errors.Join(w.Flush(), file.Close())
}
