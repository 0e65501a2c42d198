package problem_test

import (
	"encoding/json"
	"strings"
	"testing"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/proxy/problem"
)

func TestRefusal_ExplainsEveryReason(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, reason := range origins.Reasons() {
		if reason.Verdict() != origins.Refused {
			continue
		}
		for _, ownHost := range []bool{false, true} {
			p := problem.Refusal(reason, ownHost)
			if p == nil {
				t.Errorf("%s has no response", reason)
				continue
			}
			for range 2 { // encoded, and encoded before
				var got envelope.Document
				if err := json.Unmarshal(p.Body(id), &got); err != nil || got.TraceID != id || got.Errors[0].Code != string(reason) {
					t.Errorf("%s: %v, %+v", reason, err, got)
				} else if detail := got.Errors[0].Detail; !strings.Contains(detail, "docs/decision.md") || strings.Contains(detail, "public_origins") != ownHost {
					t.Errorf("%s, own host %v: %s", reason, ownHost, detail)
				}
			}
		}
	}
}
