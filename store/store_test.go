package store_test

import (
	"testing"

	"originwarden/store"
)

func TestLimitError_NamesTheLimit(t *testing.T) {
	err := &store.LimitError{What: store.LimitIntegrations, Max: 10}
	if want := "a tenant may have at most 10 web integrations"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
