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

// What docs/operate.md promises of a flood.
const (
	refusedFirst  = 1000
	problemsFirst = 100
	sampledEvery  = 100
	leftOutEvery  = 10 * time.Second
)

// leftOut are the lines that tell what others were left out.
func leftOut(t *testing.T, out *output) (all []map[string]any) {
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

func TestAccessLog_SamplesAFloodOfRefusedRequestsAndTellsHowMany(t *testing.T) {
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
			t.Errorf("%d lines", n)
		}
		if dropped := log.Dropped(); dropped != 1485 || leftOut(t, out) != nil {
			t.Errorf("%d were dropped, told %v", dropped, leftOut(t, out))
		}
		time.Sleep(time.Second)
		flood(refusedFirst, "origin_not_listed") // none too many of another second
		time.Sleep(leftOutEvery)
		told := leftOut(t, out)
		if len(told) != 1 || told[0]["count"] != 1485.0 || told[0]["level"] != "warn" || told[0]["msg"] != "refused requests were left out of the log" ||
			!maps.Equal(told[0]["by"].(map[string]any), map[string]any{"origin_opaque": 990.0, "origin_not_listed": 495.0}) {
			t.Errorf("told %v", told)
		}
		time.Sleep(time.Hour)
		if told := leftOut(t, out); len(told) != 1 {
			t.Errorf("told again: %v", told)
		}
		flood(refusedFirst+2, "origin_opaque")
		log.Close()
		if told := leftOut(t, out); len(told) != 2 || told[1]["count"] != 2.0 {
			t.Errorf("in the end: %v", told)
		}
	})
}

func TestLog_SamplesAFloodOfWhatTheServersReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		log := logs.New(config.Log{}, out)
		report, other := logs.NewStdLogger(log, "serving"), logs.NewStdLogger(log, "serving") // of two servers
		for range 2500 {
			report.Print("http: the client is gone")
			other.Print("http: the client is gone")
		}
		log.Close()
		written, told := strings.Count(out.String(), `"problem"`), leftOut(t, out)
		if written != problemsFirst+4900/sampledEvery || len(told) != 1 || told[0]["count"] != 4851.0 || log.Dropped() != 4851 {
			t.Errorf("%d lines, told %v", written, told)
		}
	})
}

func TestLog_CountsNothingThatItsLevelLeavesOut(t *testing.T) {
	log := logs.New(config.Log{Level: config.Level(zapcore.ErrorLevel)}, newOutput())
	access := logs.NewAccessLog(log, true)
	for range 2 * refusedFirst {
		access.Observe(&proxy.Exchange{Verdict: origins.Refused, Reason: "origin_not_listed"})
	}
	if n := log.Dropped(); n != 0 {
		t.Errorf("%d", n)
	}
}
