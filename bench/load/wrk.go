package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"originwarden/bench/process"
)

// runWrk drives a proxy with wrk, on the core of the load.
func (d Driver) runWrk(ctx context.Context, t Target, duration time.Duration, responseSize int) (Result, error) {
	script := filepath.Join(d.Dir, "wrk.lua")
	if err := os.WriteFile(script, []byte(wrkScript(t)), 0o600); err != nil {
		return Result{}, err
	}
	output, err := process.Run(ctx, d.Core, "wrk", "-t1", fmt.Sprintf("-c%d", Connections), fmt.Sprintf("-d%d", int(duration.Seconds())),
		"-s", script, t.url())
	if err != nil {
		return Result{}, err
	}
	return parseWrk(output, t.Request, responseSize)
}

// wrkScript returns the script that sends the requests and prints the summary.
func wrkScript(t Target) string {
	var script strings.Builder
	fmt.Fprintf(&script, "wrk.method = %q\nwrk.headers[\"Host\"] = %q\n", t.Request.Method, t.host(0))
	for _, line := range t.Request.Header {
		name, value, _ := strings.Cut(line, ": ")
		fmt.Fprintf(&script, "wrk.headers[%q] = %q\n", name, value)
	}
	if t.Request.Body != "" {
		fmt.Fprintf(&script, "wrk.body = %q\n", t.Request.Body)
	}
	if t.HostCount > 1 {
		fmt.Fprintf(&script, wrkHosts, t.HostCount-1, t.HostFormat)
	}
	return script.String() + fmt.Sprintf(wrkSummary, SlowResponse.Microseconds())
}

// wrkHosts is formatted with the number of the last host and the format of the hosts.
const wrkHosts = `
local requests, next = {}, 0
init = function()
  for i = 0, %d do
    wrk.headers["Host"] = string.format(%q, i)
    requests[i] = wrk.format()
  end
end
request = function()
  next = (next + 7919) %% (#requests + 1)
  return requests[next]
end
`

// wrkSummary is formatted with the latency of a slow response in microseconds.
const wrkSummary = `
done = function(summary, latency)
  local e, slow = summary.errors, 0
  for i = 1, #latency do
    local microseconds, count = latency(i)
    if microseconds >= %d then slow = slow + count end
  end
  print(string.format("figures %%d %%d %%d %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration, summary.bytes, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99), latency.max, slow))
end
`

// parseWrk reads what the script prints. Status codes from 400 on count as errors in it.
func parseWrk(output string, r Request, responseSize int) (Result, error) {
	var requests, microseconds, bytes, refused, failed, p50, p99, longest, slow int
	_, line, found := strings.Cut(output, "figures ")
	_, err := fmt.Sscan(line, &requests, &microseconds, &bytes, &refused, &failed, &p50, &p99, &longest, &slow)
	if !found || err != nil {
		return Result{}, fmt.Errorf("wrk printed no figures: %s", output)
	}
	wantRefused := 0
	if r.Status >= 400 {
		wantRefused = requests
	}
	if failed > 0 || refused != wantRefused || requests == 0 {
		return Result{}, fmt.Errorf("wrk: %d requests, %d failed, %d refused, want %d refused", requests, failed, refused, wantRefused)
	}
	if err := checkBytes(bytes, requests, responseSize); err != nil {
		return Result{}, fmt.Errorf("wrk: %w", err)
	}
	duration := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	return Result{
		Requests: requests, Took: duration(microseconds), P50: duration(p50), P99: duration(p99), Longest: duration(longest), Slow: slow,
	}, nil
}

// checkBytes compares the bytes of all responses with the length of one. They may differ
// by the lengths of numbers and of the responses that were not complete at the end.
func checkBytes(bytes, responses, size int) error {
	want, tolerance := responses*size, responses*size/50+Connections*size
	if bytes < want-tolerance || bytes > want+tolerance {
		return fmt.Errorf("responses of %d bytes, want %d of %d", bytes, responses, size)
	}
	return nil
}
