package logs_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"

	"go.uber.org/zap/zapcore"
)

func TestLogLevel_RejectsInvalidRequests(t *testing.T) {
	l := logs.New(config.Log{}, io.Discard).Level
	for _, row := range []struct{ rule, query, body string }{
		{"invalid level", "", `{"level":"fatal"}`},
		{"upper-case level", "", `{"level":"DEBUG"}`},
		{"number as level", "", `{"level":-1}`},
		{"null as level", "", `{"level":null}`},
		{"missing level", "", `{}`},
		{"unknown key", "", `{"level":"debug","for":"1m"}`},
		{"string instead of an object", "", `"debug"`},
		{"empty body", "", ``},
		{"trailing data", "", `{"level":"debug"}{}`},
		{"body too large", "", `{"level":"debug"` + strings.Repeat(" ", 2000) + `}`},
		{"invalid duration", "?for=x", `{"level":"debug"}`},
		{"zero duration", "?for=0s", `{"level":"debug"}`},
		{"negative duration", "?for=-1m", `{"level":"debug"}`},
		{"duration too long", "?for=25h", `{"level":"debug"}`},
		{"repeated duration", "?for=1m&for=2m", `{"level":"debug"}`},
	} {
		w := httptest.NewRecorder()
		l.ServePut(w, httptest.NewRequest("PUT", "/log-level"+row.query, strings.NewReader(row.body)))
		if w.Code != http.StatusBadRequest || l.Level() != zapcore.InfoLevel {
			t.Errorf("%s: status %d, body %s, level %s, want 400 and info", row.rule, w.Code, w.Body, l.Level())
		}
	}
}

func TestLogLevel_RevertsAfterDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logs.New(config.Log{Level: config.Level(zapcore.WarnLevel)}, io.Discard).Level
		put := func(query, level string) {
			t.Helper()
			w := httptest.NewRecorder()
			l.ServePut(w, httptest.NewRequest("PUT", "/log-level"+query, strings.NewReader(`{"level":"`+level+`"}`)))
			var d struct {
				Level string
				Until *time.Time
			}
			if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Level != level || (d.Until != nil) != (query != "") {
				t.Errorf("PUT %s %s: status %d, body %s", query, level, w.Code, w.Body)
			}
		}
		expectAfter := func(d time.Duration, want zapcore.Level) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := l.Level(); got != want {
				t.Errorf("level %s, want %s", got, want)
			}
		}
		put("?for=10m", "debug")
		expectAfter(10*time.Minute-time.Second, zapcore.DebugLevel)
		expectAfter(2*time.Second, zapcore.WarnLevel)
		put("?for=10m", "debug")
		put("?for=1h", "debug") // longer
		expectAfter(11*time.Minute, zapcore.DebugLevel)
		put("", "info") // without end
		expectAfter(24*time.Hour, zapcore.InfoLevel)
		l.Configure(zapcore.WarnLevel) // unchanged
		expectAfter(0, zapcore.InfoLevel)
		l.Configure(zapcore.ErrorLevel)
		expectAfter(0, zapcore.ErrorLevel)
		put("?for=1m", "debug")
		expectAfter(2*time.Minute, zapcore.ErrorLevel)
	})
}
