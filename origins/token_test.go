package origins_test

import (
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"originwarden/origins"
)

func TestIsToken(t *testing.T) {
	for b := range 256 {
		name := "x" + string([]byte{byte(b)})
		if got, want := origins.IsToken(name), httpguts.ValidHeaderFieldName(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
	for name, want := range map[string]bool{"": false, "X-A": true, "é": false, strings.Repeat("a", 1000): true} {
		if got := origins.IsToken(name); got != want {
			t.Errorf("%.20q: %t, want %t", name, got, want)
		}
	}
}
