package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A request ends its search after 4 MiB of origins, so that pages can be empty.
func TestWebIntegrationLs_Searches(t *testing.T) {
	api := startAPI(t)
	first := api.create("a", "https://Shop.example/", "http://localhost:3000")
	long := []string{"http://localhost:3000"}
	for i := range 99 {
		long = append(long, fmt.Sprintf("https://%s%d.example", strings.Repeat("\uff41", 200), i))
	}
	for i := range 95 {
		api.create(fmt.Sprintf("name %04d", i), long...)
	}
	last := api.create("z", "https://shop.example:443", "http://localhost:3000")
	for _, row := range []struct {
		args []string
		want []string
	}{
		{[]string{"--origin", "HTTPS://shop.example"}, []string{first.ID, last.ID}},
		{[]string{"--origin", "https://other.example"}, nil},
		{[]string{"--origin", "https://shop.example", "--q", "443"}, []string{last.ID}},
		{[]string{"--origin", "http://localhost:3000", "--q", "SHOP"}, []string{first.ID, last.ID}},
		{[]string{"--q", "shop"}, []string{first.ID, last.ID}},
		{[]string{"--q", "shop", "--sort=-name"}, []string{last.ID, first.ID}},
		{[]string{"--q", "shop.example:443"}, []string{last.ID}},
		{[]string{"--q", "shop", "--limit", "1"}, []string{first.ID}},
		{[]string{"--q", "shop", "--startingAfter", first.ID}, []string{last.ID}},
		{[]string{"--q", "shop", "--endingBefore", last.ID}, []string{first.ID}},
		{[]string{"--q", "shop.example/", "--endingBefore", last.ID, "--limit", "5"}, []string{first.ID}},
	} {
		if got := api.listIDs(row.args...); !slices.Equal(got, row.want) {
			t.Errorf("ls %q: ids %q, want %q", row.args, got, row.want)
		}
	}
	status, _, stderr := runCommand(t, api.env, "web-integration", "ls", "--origin", "shop.example")
	if status != exitFailed || !strings.Contains(stderr, "origin: the entry has no scheme") {
		t.Errorf("invalid origin: exit status %d, %s", status, stderr)
	}
}
