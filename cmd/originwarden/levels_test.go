package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
)

// operatorsToken is the header with the token of a service's first start.
func operatorsToken(t *testing.T, dir string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + strings.TrimSpace(string(token))
}

func TestLogLevel_ChangesWhileTheServiceRuns(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello), "log: {level: warn}"))
	token := operatorsToken(t, dir)
	expect := func(want string, method, path, body string, headers ...string) {
		t.Helper()
		response, text := send(t, method, r.admin+path, body, headers...)
		if got := response.Status[:3] + " " + strings.TrimSpace(text); !strings.HasPrefix(got, want) {
			t.Errorf("%s %s %s: %s, want %s", method, path, body, got, want)
		}
	}
	expect(`200 {"level":"warn"}`, "GET", "/log-level", "")
	expect(`401 `, "PUT", "/log-level", `{"level":"debug"}`)
	expect(`401 `, "PUT", "/log-level", `{"level":"debug"}`, "Authorization: Bearer x")
	expect(`403 `, "PUT", "/log-level", `{"level":"debug"}`, token, "Origin: http://localhost")
	expect(`405 `, "POST", "/log-level", `{"level":"debug"}`, token)
	expect(`200 {"level":"warn"}`, "GET", "/log-level", "")
	send(t, "GET", r.tenants+"/unseen", "")
	expect(`200 {"level":"info"}`, "PUT", "/log-level", `{"level":"info"}`, token)
	expect(`200 {"level":"info"}`, "GET", "/log-level", "")
	send(t, "GET", r.tenants+"/seen", "")
	r.await(t, r.stderr, `"path":"/seen"`)
	if log := r.stderr.String(); strings.Contains(log, "/unseen") || !strings.Contains(log, `"msg":"the log level was set","to":"info"`) {
		t.Error(log)
	}
	expect(`200 {"level":"debug","until":"20`, "PUT", "/log-level?for=10m", `{"level":"debug"}`, token)
	send(t, "POST", r.admin+"/resync?accept=true", "", token)
	send(t, "POST", r.admin+"/reload", "", token)
	expect(`400 `, "PUT", "/log-level", `{"level":"none"}`, token)
	for _, call := range []string{`"PUT","path":"/log-level","query":"","status":200`, `"PUT","path":"/log-level","query":"for=10m","status":200`, `"POST","path":"/resync","query":"accept=true","status":200`,
		`"POST","path":"/reload","query":"","status":[0-9]+`, `"PUT","path":"/log-level","query":"","status":400`} {
		r.await(t, r.stderr, `"level":"warn".*"msg":"an operator asked for a change","subject":"[^"]+","client":"127\.0\.0\.1:[0-9]+","method":`+call)
	}
	if n := strings.Count(r.stderr.String(), "an operator asked for a change"); n != 5 {
		t.Errorf("%d calls are told: those that were refused change nothing", n)
	}
	expect(`200 {"level":"debug","until":"20`, "GET", "/log-level", "")
}

func TestLogLevel_TakesNothingElse(t *testing.T) {
	l := newLevels(zapcore.InfoLevel)
	for _, row := range []struct{ rule, query, body string }{
		{"a level that is none", "", `{"level":"fatal"}`},
		{"one in upper case", "", `{"level":"DEBUG"}`},
		{"a number", "", `{"level":-1}`},
		{"null", "", `{"level":null}`},
		{"no level", "", `{}`},
		{"another key", "", `{"level":"debug","for":"1m"}`},
		{"no object", "", `"debug"`},
		{"nothing", "", ``},
		{"more behind it", "", `{"level":"debug"}{}`},
		{"a large body", "", `{"level":"debug"` + strings.Repeat(" ", 2000) + `}`},
		{"a time that is none", "?for=x", `{"level":"debug"}`},
		{"a time of nothing", "?for=0s", `{"level":"debug"}`},
		{"a time before", "?for=-1m", `{"level":"debug"}`},
		{"a long time", "?for=25h", `{"level":"debug"}`},
		{"two times", "?for=1m&for=2m", `{"level":"debug"}`},
	} {
		w := httptest.NewRecorder()
		l.change(w, httptest.NewRequest("PUT", "/log-level"+row.query, strings.NewReader(row.body)))
		if w.Code != http.StatusBadRequest || l.Level() != zapcore.InfoLevel {
			t.Errorf("%s: %d %s, and the level is %s", row.rule, w.Code, w.Body, l.Level())
		}
	}
}

func TestLogLevel_GoesBackAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLevels(zapcore.WarnLevel)
		put := func(query, level string) {
			t.Helper()
			w := httptest.NewRecorder()
			l.change(w, httptest.NewRequest("PUT", "/log-level"+query, strings.NewReader(`{"level":"`+level+`"}`)))
			var d levelDocument
			if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Level != level || (d.Until != nil) != (query != "") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		after := func(d time.Duration, want zapcore.Level) {
			t.Helper()
			time.Sleep(d) // of the bubble's time
			synctest.Wait()
			if got := l.Level(); got != want {
				t.Errorf("the level is %s, want %s", got, want)
			}
		}
		put("?for=10m", "debug")
		after(10*time.Minute-time.Second, zapcore.DebugLevel)
		after(2*time.Second, zapcore.WarnLevel)
		put("?for=10m", "debug")
		put("?for=1h", "debug") // longer
		after(11*time.Minute, zapcore.DebugLevel)
		put("", "info") // for good
		after(24*time.Hour, zapcore.InfoLevel)
		l.configure(zapcore.WarnLevel) // as it was
		after(0, zapcore.InfoLevel)
		l.configure(zapcore.ErrorLevel)
		after(0, zapcore.ErrorLevel)
		put("?for=1m", "debug")
		after(2*time.Minute, zapcore.ErrorLevel)
	})
}
