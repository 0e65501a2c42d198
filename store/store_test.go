package store_test

import (
	"testing"

	"originwarden/store"
)

func TestLimitError_SaysWhatIsBounded(t *testing.T) {
	err := &store.LimitError{What: store.LimitIntegrations, Max: 10}
	if want := "a tenant may have at most 10 web integrations"; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}
