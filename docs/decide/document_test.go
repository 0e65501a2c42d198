package decide_test

import (
	"os"
	"strings"
	"testing"
)

// readBlock returns the only block of code in a language, of a section of decide.md.
func readBlock(t *testing.T, heading, language string) string {
	t.Helper()
	page, err := os.ReadFile("../decide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("decide.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	parts := strings.Split(section, "\n```"+language+"\n")
	if len(parts) != 2 {
		t.Fatalf("%d blocks of %s in %q, want 1", len(parts)-1, language, heading)
	}
	block, _, _ := strings.Cut(parts[1], "\n```")
	return block + "\n"
}

// replaceOnce replaces old, which must occur exactly once.
func replaceOnce(t *testing.T, text, old, new string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%d occurrences, want 1, of\n%s\nin\n%s", n, old, text)
	}
	return strings.Replace(text, old, new, 1)
}
