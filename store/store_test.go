package store_test

import (
	"testing"

	"originwarden/store"
)

func TestLimitError_NamesTheLimit(t *testing.T) {
	for what, want := range map[string]string{
		store.LimitIntegrations: "a tenant may have at most 10 web integrations",
		store.LimitOrigins:      "a tenant may have at most 10 valid origins",
		store.LimitBytes:        "a web integration may have at most 10 bytes of name and origins",
	} {
		err := &store.LimitError{What: what, Max: 10}
		if err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
}
