package recipes_test

import (
	"os"
	"strings"
	"testing"
)

// A recipe is a section of recipes.md.
type recipe struct {
	config, script string // of the gateway, and of the page
	examples       []example
}

// An example is a command and what it prints.
type example struct{ command, output string }

// readRecipe returns the recipe with a heading.
func readRecipe(t *testing.T, heading string) recipe {
	t.Helper()
	section := cutSection(t, "\n## "+heading+"\n")
	return recipe{
		config:   readBlock(t, section, "yaml"),
		script:   readBlock(t, section, "js"),
		examples: parseExamples(readBlock(t, section, "console")),
	}
}

// readStart returns the command that starts the gateway.
func readStart(t *testing.T) []string {
	t.Helper()
	return strings.Fields(readBlock(t, cutSection(t, "# Recipes\n"), "sh"))
}

func cutSection(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), heading)
	if !found {
		t.Fatalf("recipes.md has no %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// readBlock returns the only block of code in a language.
func readBlock(t *testing.T, section, language string) string {
	t.Helper()
	parts := strings.Split(section, "\n```"+language+"\n")
	if len(parts) != 2 {
		t.Fatalf("%d blocks of %s, want 1, in\n%s", len(parts)-1, language, section)
	}
	block, _, _ := strings.Cut(parts[1], "\n```")
	return block + "\n"
}

func parseExamples(session string) (all []example) {
	session = strings.ReplaceAll(session, "\\\n", "")
	for _, part := range strings.Split("\n"+session, "\n$ ")[1:] {
		command, output, _ := strings.Cut(part, "\n")
		all = append(all, example{command, strings.TrimSpace(output)})
	}
	return all
}

// replaceOnce replaces old, which must occur exactly once.
func replaceOnce(t *testing.T, text, old, new string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%d occurrences, want 1, of %q in\n%s", n, old, text)
	}
	return strings.Replace(text, old, new, 1)
}
