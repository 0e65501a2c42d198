package logs_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/origins"
	"originwarden/proxy"
)

// The sampling that docs/operate.md promises.
const (
	refusedFirst   = 1000
	problemsFirst  = 100
	sampledEvery   = 100
	omissionsEvery = 10 * time.Second
)

// omissionLines returns the lines that report how many lines were left out.
func omissionLines(t *testing.T, out *output) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if strings.HasSuffix(fields["msg"].(string), " were left out of the log") {
			all = append(all, fields)
		}
	}
	return all
}

func TestAccessLog_SamplesRefusedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		log := logs.New(config.Log{}, out)
		access := logs.NewAccessLog(log, true)
		flood := func(n int, reason string) {
			for range n {
				access.Observe(&proxy.Exchange{Verdict: origins.Refused, Reason: reason})
			}
		}
		flood(refusedFirst, "origin_not_listed")
		flood(1000, "origin_opaque")
		flood(500, "origin_not_listed")
		if n := strings.Count(out.String(), `"msg":"request"`); n != refusedFirst+1500/sampledEvery {
			t.Errorf("%d lines, want %d", n, refusedFirst+1500/sampledEvery)
		}
		if dropped := log.Dropped(); dropped != 1485 || omissionLines(t, out) != nil {
			t.Errorf("%d dropped, reported %v, want 1485 and nothing yet", dropped, omissionLines(t, out))
		}
		time.Sleep(time.Second)
		flood(refusedFirst, "origin_not_listed") // within the limit of the next second
		time.Sleep(omissionsEvery)
		reports := omissionLines(t, out)
		if len(reports) != 1 || reports[0]["count"] != 1485.0 || reports[0]["level"] != "warn" || reports[0]["msg"] != "refused requests were left out of the log" ||
			!maps.Equal(reports[0]["by"].(map[string]any), map[string]any{"origin_opaque": 990.0, "origin_not_listed": 495.0}) {
			t.Errorf("reported %v, want 1485 by reason", reports)
		}
		time.Sleep(time.Hour)
		if reports := omissionLines(t, out); len(reports) != 1 {
			t.Errorf("reported again: %v", reports)
		}
		flood(refusedFirst+2, "origin_opaque")
		log.Close()
		if reports := omissionLines(t, out); len(reports) != 2 || reports[1]["count"] != 2.0 {
			t.Errorf("after Close: reported %v, want two reports, the last of 2 lines", reports)
		}
	})
}

func TestLog_SamplesServerErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		log := logs.New(config.Log{}, out)
		first, second := logs.NewStdLogger(log, "serving"), logs.NewStdLogger(log, "serving") // the limit is of both servers
		for range 2500 {
			first.Print("http: the client is gone")
			second.Print("http: the client is gone")
		}
		log.Close()
		written, reports := strings.Count(out.String(), `"problem"`), omissionLines(t, out)
		if written != problemsFirst+4900/sampledEvery || len(reports) != 1 || reports[0]["count"] != 4851.0 || log.Dropped() != 4851 {
			t.Errorf("%d lines, reported %v, want 4851 left out", written, reports)
		}
	})
}

func TestLog_CountsNoLinesBelowLevel(t *testing.T) {
	log := logs.New(config.Log{Level: config.Level(zapcore.ErrorLevel)}, newOutput())
	access := logs.NewAccessLog(log, true)
	for range 2 * refusedFirst {
		access.Observe(&proxy.Exchange{Verdict: origins.Refused, Reason: "origin_not_listed"})
	}
	if n := log.Dropped(); n != 0 {
		t.Errorf("%d dropped, want 0", n)
	}
}
