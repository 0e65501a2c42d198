package docs_test

import (
	"testing"

	"originwarden/origins"
)

func TestDecision_ExplainsEveryReason(t *testing.T) {
	text := readFile(t, "decision.md")
	documented := map[string]origins.Verdict{}
	for _, row := range table(text, "Reason", "Meaning") {
		documented[parseReason(t, row)] = origins.Allowed
	}
	for _, row := range table(text, "Reason", "Status", "Meaning", "What to do") {
		documented[parseReason(t, row)] = origins.Refused
	}
	for _, reason := range origins.Reasons() {
		if documented[string(reason)] != reason.Verdict() {
			t.Errorf("%s is %s, but the document says %q", reason, reason.Verdict(), documented[string(reason)])
		}
		delete(documented, string(reason))
	}
	for reason := range documented {
		t.Errorf("the document explains %s, which is not a reason", reason)
	}
}

func parseReason(t *testing.T, row []string) string {
	t.Helper()
	reason, ok := code(row[0])
	if !ok {
		t.Fatalf("invalid row: %q", row)
	}
	return reason
}
