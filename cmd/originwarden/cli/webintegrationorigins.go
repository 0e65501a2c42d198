package cli

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
)

// entriesOf returns the origins that the values of a flag are; it is never nil. A
// value may be JSON, as in qlik-cli's documentation, or several origins with
// commas, as qlik-cli takes them. Whether they are origins is for the server to
// judge.
func entriesOf(values []string) []string {
	entries := []string{}
	for _, value := range values {
		several, isJSON := stringsOfJSON(value)
		if !isJSON {
			several = separated(value)
		}
		entries = append(entries, several...)
	}
	return entries
}

// stringsOfJSON reads a JSON string, or an array of strings.
func stringsOfJSON(value string) (all []string, ok bool) {
	var one string
	if json.Unmarshal([]byte(value), &one) == nil && value != "null" {
		return []string{one}, true
	}
	var several []*string // null would be an empty string otherwise
	if json.Unmarshal([]byte(value), &several) != nil || several == nil || slices.Contains(several, nil) {
		return nil, false
	}
	for _, entry := range several {
		all = append(all, *entry)
	}
	return all, true
}

// separated splits a value at its commas, as RFC 4180 has it. What is no such
// line is one origin.
func separated(value string) []string {
	line := csv.NewReader(strings.NewReader(value))
	line.TrimLeadingSpace = true
	if lines, err := line.ReadAll(); err == nil && len(lines) == 1 {
		return lines[0]
	}
	return []string{value}
}
