package problem_test

import (
	"net/http"
	"testing"

	"originwarden/api/problem"
	"originwarden/store"
)

func TestResponse_SaysThatNothingWasWritten(t *testing.T) {
	for _, err := range []error{
		problem.InvalidBody(), problem.InvalidQuery(), problem.NotFound(""), problem.PreconditionFailed(""),
		problem.New(http.StatusBadRequest, problem.MissingField("name")),
	} {
		if store.IsOutcomeUnknown(err) {
			t.Errorf("after %q the outcome of the write is unknown", err)
		}
	}
}

func TestInvalid_NamesWhereTheRequestIsWrong(t *testing.T) {
	if s := problem.InvalidProperty("/name", "d").Source; s == nil || s.Pointer != "/name" || s.Parameter != "" {
		t.Errorf("a property has the source %+v", s)
	}
	if s := problem.InvalidParameter("limit", "d").Source; s == nil || s.Pointer != "" || s.Parameter != "limit" {
		t.Errorf("a parameter has the source %+v", s)
	}
	if s := problem.InvalidPatch("/0/op", "d").Source; s == nil || s.Pointer != "/0/op" {
		t.Errorf("an operation has the source %+v", s)
	}
	if s := problem.InvalidPatch("", "d").Source; s != nil {
		t.Errorf("a whole patch has the source %+v", s)
	}
}
