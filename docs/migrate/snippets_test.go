package migrate_test

import (
	"os"
	"strings"
	"testing"
)

// readSection returns the blocks of code of a section of migrate.md.
func readSection(t *testing.T, heading string) []block {
	t.Helper()
	page, err := os.ReadFile("../migrate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("migrate.md has no section %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	section, _, _ = strings.Cut(section, "\n"+level+" ")
	return parseBlocks(section)
}

// A block is a block of code.
type block struct{ language, text string }

func parseBlocks(section string) (blocks []block) {
	for i, part := range strings.Split("\n"+section, "\n```") {
		if i%2 == 1 {
			language, text, _ := strings.Cut(part, "\n")
			blocks = append(blocks, block{language, text + "\n"})
		}
	}
	return blocks
}

// configurations returns the first configuration of a section, and the configuration
// after each of its diffs.
func configurations(t *testing.T, heading string) []string {
	t.Helper()
	var all []string
	for _, block := range readSection(t, heading) {
		switch {
		case len(all) == 0:
			all = append(all, block.text)
		case block.language == "diff":
			all = append(all, applyDiff(t, all[len(all)-1], block.text))
		}
	}
	return all
}

// applyDiff applies the hunks of a diff, which are separated by @@. The old lines of a
// hunk must occur exactly once.
func applyDiff(t *testing.T, text, diff string) string {
	t.Helper()
	for hunk := range strings.SplitSeq(diff, "@@\n") {
		var before, after strings.Builder
		for line := range strings.Lines(hunk) {
			if line[0] != '+' {
				before.WriteString(line[1:])
			}
			if line[0] != '-' {
				after.WriteString(line[1:])
			}
		}
		text = replaceOnce(t, text, before.String(), after.String())
	}
	return text
}

// replaceOnce replaces old, which must occur exactly once.
func replaceOnce(t *testing.T, text, old, new string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%d occurrences, want 1, of\n%s\nin\n%s", n, old, text)
	}
	return strings.Replace(text, old, new, 1)
}

func TestSnippets_DiffsRemoveTheRules(t *testing.T) {
	for _, heading := range []string{"## nginx", "## Caddy", "## HAProxy", "## Traefik", "## Kong", "## Envoy"} {
		all := configurations(t, heading)
		if len(all) != 3 {
			t.Fatalf("%s: %d configurations, want 3", heading, len(all))
		}
		before, after := all[0], all[2]
		if !strings.Contains(strings.ToLower(before), "origin") || strings.Contains(after, "ccess") && strings.Contains(after, "rigin") {
			t.Errorf("%s: no CORS rules at first, or some left at the end:\n%s", heading, after)
		}
	}
}
