package precondition_test

import (
	"net/http"
	"testing"

	"originwarden/api/precondition"
)

func TestConditions_CompareTags(t *testing.T) {
	for _, tt := range []struct {
		rule                 string
		lines                []string
		permits, notModified bool
	}{
		{"no header", nil, true, false},
		{"the tag", []string{`"7"`}, true, true},
		{"star", []string{"*"}, true, true},
		{"weak: only If-None-Match compares weakly", []string{`W/"7"`}, false, true},
		{"in a list", []string{`"x", W/"y" ,"7"`}, true, true},
		{"on the second line", []string{`"x"`, `"7"`}, true, true},
		{"after a tag with a comma", []string{`"a,b","7"`}, true, true},
		{"another tag", []string{`"8"`}, false, false},
		{"without quotes", []string{"7"}, false, false},
		{"empty", []string{""}, false, false},
		{"before an invalid tag", []string{`"7", x`}, false, false},
		{"star in a list", []string{`*, "7"`}, false, false},
		{"inside another tag", []string{`"a,"7"`}, false, false},
	} {
		if got := precondition.IfMatch(http.Header{"If-Match": tt.lines}, `"7"`); got != tt.permits {
			t.Errorf("%s: IfMatch is %v", tt.rule, got)
		}
		if got := precondition.IsNotModified(http.Header{"If-None-Match": tt.lines}, `"7"`); got != tt.notModified {
			t.Errorf("%s: IsNotModified is %v", tt.rule, got)
		}
	}
}
