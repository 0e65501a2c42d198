package webintegration

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
)

// ParseOrigins returns the origins in the values of a flag; the result is never
// nil. A value is JSON, as in qlik-cli's documentation, or several origins with
// commas, as qlik-cli takes them. It does not check that they are origins.
func ParseOrigins(values []string) []string {
	all := []string{}
	for _, value := range values {
		several, isJSON := parseJSONStrings(value)
		if !isJSON {
			several = splitAtCommas(value)
		}
		all = append(all, several...)
	}
	return all
}

// parseJSONStrings parses a JSON string, or an array of strings.
func parseJSONStrings(value string) (all []string, ok bool) {
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

// splitAtCommas splits a value as a line of RFC 4180. Any other value is one
// origin.
func splitAtCommas(value string) []string {
	line := csv.NewReader(strings.NewReader(value))
	line.TrimLeadingSpace = true
	if lines, err := line.ReadAll(); err == nil && len(lines) == 1 {
		return lines[0]
	}
	return []string{value}
}
