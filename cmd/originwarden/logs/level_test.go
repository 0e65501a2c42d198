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

func TestLogLevel_TakesNothingElse(t *testing.T) {
	l := logs.New(config.Log{}, io.Discard).Level
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
		l.ServePut(w, httptest.NewRequest("PUT", "/log-level"+row.query, strings.NewReader(row.body)))
		if w.Code != http.StatusBadRequest || l.Level() != zapcore.InfoLevel {
			t.Errorf("%s: %d %s, and the level is %s", row.rule, w.Code, w.Body, l.Level())
		}
	}
}

func TestLogLevel_GoesBackAfterItsTime(t *testing.T) {
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
		l.Configure(zapcore.WarnLevel) // as it was
		after(0, zapcore.InfoLevel)
		l.Configure(zapcore.ErrorLevel)
		after(0, zapcore.ErrorLevel)
		put("?for=1m", "debug")
		after(2*time.Minute, zapcore.ErrorLevel)
	})
}
