package docs_test

import (
	"testing"

	"originwarden/origins"
)

func TestDecision_ExplainsEveryReason(t *testing.T) {
	text := read(t, "decision.md")
	told := map[string]origins.Verdict{}
	for _, row := range table(text, "Reason", "Meaning") {
		told[reasonOf(t, row)] = origins.Allowed
	}
	for _, row := range table(text, "Reason", "Status", "Meaning", "What to do") {
		told[reasonOf(t, row)] = origins.Refused
	}
	for _, reason := range origins.Reasons() {
		if told[string(reason)] != reason.Verdict() {
			t.Errorf("%s is %s, and the document says %q", reason, reason.Verdict(), told[string(reason)])
		}
		delete(told, string(reason))
	}
	for reason := range told {
		t.Errorf("it has %s, which is no reason", reason)
	}
}

func reasonOf(t *testing.T, row []string) string {
	t.Helper()
	reason, ok := code(row[0])
	if !ok {
		t.Fatalf("a row is not like the others: %q", row)
	}
	return reason
}
