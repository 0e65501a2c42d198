package envelope_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"originwarden/envelope"
)

func TestWrite_WritesErrorDocument(t *testing.T) {
	w := httptest.NewRecorder()
	envelope.Write(w, "0af7651916cd43dd8448eb211c80319c", 400,
		envelope.Error{Code: "WEBINTEGRATIONS-6", Title: "Invalid property value", Detail: "why", Source: &envelope.Source{Pointer: "/validOrigins/0"}},
		envelope.Error{Code: "BAD_REQUEST", Title: "Bad Request"})
	want := `{"errors":[` +
		`{"code":"WEBINTEGRATIONS-6","title":"Invalid property value","detail":"why","status":"400","source":{"pointer":"/validOrigins/0"}},` +
		`{"code":"BAD_REQUEST","title":"Bad Request","status":"400"}],` +
		`"traceId":"0af7651916cd43dd8448eb211c80319c"}`
	if w.Code != 400 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v\n got %s\nwant %s", w.Code, w.Header(), w.Body, want)
	}
}

func TestFixed_EncodesAsEncode(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	e := envelope.Error{Code: "a", Title: "<b>", Detail: "\"c\""}
	fixed := envelope.NewFixed(403, e)
	for range 2 {
		if got, want := string(fixed.Encode(id)), string(envelope.Encode(id, 403, e)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTraceID_IsStoredInContext(t *testing.T) {
	if got := envelope.TraceID(context.Background()); got != "" {
		t.Errorf("TraceID of an empty context is %q", got)
	}
	if got := envelope.TraceID(envelope.WithTraceID(context.Background(), "a")); got != "a" {
		t.Errorf("TraceID = %q, want a", got)
	}
}

func TestNewTraceID_IsValidInTraceparent(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id := envelope.NewTraceID()
		if got, ok := envelope.ParseTraceparent([]string{"00-" + id + "-b7ad6b7169203331-01"}); !ok || got != id || seen[id] {
			t.Fatalf("%q: %q, %v, seen %v", id, got, ok, seen[id])
		}
		seen[id] = true
	}
}

func TestParseTraceparent(t *testing.T) {
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	rows := []struct {
		rule  string
		lines []string
		ok    bool
	}{
		{"version 00", []string{"00-" + id + "-" + parent + "-01"}, true},
		{"later version", []string{"cc-" + id + "-" + parent + "-01"}, true},
		{"later version with more fields", []string{"cc-" + id + "-" + parent + "-01-what"}, true},
		{"version 00 with more fields", []string{"00-" + id + "-" + parent + "-01-what"}, false},
		{"text after the flags", []string{"cc-" + id + "-" + parent + "-01x"}, false},
		{"version ff", []string{"ff-" + id + "-" + parent + "-01"}, false},
		{"no header", nil, false},
		{"repeated header", []string{"00-" + id + "-" + parent + "-01", "00-" + id + "-" + parent + "-01"}, false},
		{"empty", []string{""}, false},
		{"too short", []string{"00-" + id + "-" + parent + "-0"}, false},
		{"upper case", []string{"00-" + strings.ToUpper(id) + "-" + parent + "-01"}, false},
		{"zero trace id", []string{"00-" + strings.Repeat("0", 32) + "-" + parent + "-01"}, false},
		{"zero parent id", []string{"00-" + id + "-" + strings.Repeat("0", 16) + "-01"}, false},
		{"invalid flags", []string{"00-" + id + "-" + parent + "-0g"}, false},
		{"invalid separators", []string{"00_" + id + "_" + parent + "_01"}, false},
	}
	for _, row := range rows {
		got, ok := envelope.ParseTraceparent(row.lines)
		if ok != row.ok || ok && got != id || !ok && got != "" {
			t.Errorf("%s: ParseTraceparent = %q, %v, want ok %v", row.rule, got, ok, row.ok)
		}
	}
}
