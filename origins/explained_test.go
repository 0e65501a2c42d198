package origins_test

import (
	"testing"

	"originwarden/origins"
	"originwarden/origins/explain"
)

// decide returns the decision, after it has checked that its explanation comes to the
// same one: the last step that decides has its reason, and no step follows one that
// decides but those that can change it.
func decide(t *testing.T, p *origins.Policy, r *origins.Request, list *origins.List) origins.Reason {
	t.Helper()
	reason := p.Decide(r, list)
	if list != nil && list.Len() > 10_000 {
		return reason
	}
	explained := explain.Decision(p, r, list)
	var last origins.Reason
	for _, step := range explained.Steps {
		if step.Reason != "" {
			last = step.Reason
		}
	}
	if explained.Reason != reason || last != reason {
		t.Errorf("%+v: decided %s, explained as %s by steps that come to %q: %q", *r, reason, explained.Reason, last, explained.Steps)
	}
	return reason
}
