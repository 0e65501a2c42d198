package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func TestDocuments_HaveValidLinks(t *testing.T) {
	for name, text := range documents(t) {
		_, prose := split(text)
		for _, found := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(prose, -1) {
			if target := found[1]; !strings.Contains(target, "://") {
				checkLink(t, name, filepath.Dir(name), target)
			}
		}
	}
}

// The runbook URLs of the alerts are relative to the root of the project.
func TestAlerts_LinkToRunbooks(t *testing.T) {
	const rules = "../deploy/prometheus/rules/originwarden.yml"
	links := regexp.MustCompile(`runbook_url: (\S+)`).FindAllStringSubmatch(readFile(t, rules), -1)
	if len(links) == 0 {
		t.Fatal("no alert has a runbook")
	}
	linked := map[string]bool{}
	for _, link := range links {
		checkLink(t, rules, "..", link[1])
		_, anchor, _ := strings.Cut(link[1], "#")
		linked[anchor] = true
	}
	_, alerts, _ := strings.Cut(readFile(t, "operate.md"), "\n## Alerts\n")
	for anchor := range anchors(alerts) {
		if !linked[anchor] {
			t.Errorf("no alert links to the section %s", anchor)
		}
	}
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(readFile(t, rules), -1) {
		if !strings.Contains(alerts, "`"+alert[1]+"`") {
			t.Errorf("operate.md does not mention the alert %s", alert[1])
		}
	}
}

func checkLink(t *testing.T, from, folder, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	path := filepath.Join(folder, filepath.FromSlash(file))
	if file == "" {
		path = from
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("%s links to %s, which does not exist", from, target)
	} else if anchor != "" && !anchors(readFile(t, path))[anchor] {
		t.Errorf("%s links to %s, but there is no such section", from, target)
	}
}

// anchors returns the anchors of the headings of a document, as GitHub computes them.
func anchors(document string) map[string]bool {
	all := map[string]bool{}
	_, prose := split(document)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose, -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, heading[1])
		for i, first := 1, anchor; all[anchor]; i++ {
			anchor = first + "-" + strconv.Itoa(i)
		}
		all[anchor] = true
	}
	return all
}
