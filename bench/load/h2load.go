package load

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"originwarden/bench/process"
)

// runH2load drives a proxy with h2load: 8 connections of 8 streams.
func (d Driver) runH2load(ctx context.Context, t Target, duration time.Duration) (Result, error) {
	logFile := filepath.Join(d.Dir, "h2load.log")
	defer os.Remove(logFile)
	args := []string{"h2load", "-t1", "-c8", "-m8", fmt.Sprintf("-D%dms", duration.Milliseconds()), "--log-file=" + logFile}
	for _, line := range append([]string{":authority: " + t.host(0)}, t.Request.Header...) {
		args = append(args, "-H", line)
	}
	output, err := process.Run(ctx, d.Core, append(args, t.url())...)
	if err != nil {
		return Result{}, err
	}
	l, err := parseH2load(output, t.Request)
	if err != nil {
		return Result{}, err
	}
	latencies, err := readH2loadLog(logFile, t.Request.Status)
	measured := newResult(latencies, l.Took)
	measured.Requests = l.Requests
	return measured, err
}

var h2loadOutput = regexp.MustCompile(`(?s)finished in \S+, ([\d.]+) req/s.*requests: .* (\d+) done, .*, (\d+) errored, (\d+) timeout.*` +
	`status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx.*headers .*, \S+ \((\d+)\) data`)

// parseH2load reads the summary, and checks the status codes and the length of the bodies.
// Both also count responses that were not complete at the end.
func parseH2load(output string, r Request) (Result, error) {
	match := h2loadOutput.FindStringSubmatch(output)
	if match == nil {
		return Result{}, fmt.Errorf("h2load printed no figures: %s", output)
	}
	number := func(i int) int { n, _ := strconv.Atoi(match[i]); return n }
	rate, err := strconv.ParseFloat(match[1], 64)
	done, statuses := number(2), [...]int{2: number(5), 3: number(6), 4: number(7), 5: number(8)}
	right := statuses[r.Status/100]
	wrong := statuses[2] + statuses[3] + statuses[4] + statuses[5] - right
	if err != nil || done == 0 || right < done || wrong+number(3)+number(4) > 0 {
		return Result{}, fmt.Errorf("h2load: %d responses, of them %d with the right status: %.200s", done, right, match[0])
	}
	if want := done * r.Size; r.Size >= 0 && (number(9) < want || number(9) > want+Connections*r.Size) {
		return Result{}, fmt.Errorf("h2load: bodies of %d bytes, want %d of %d", number(9), done, r.Size)
	}
	return Result{Requests: done, Took: time.Duration(float64(done) / rate * float64(time.Second))}, nil
}

// readH2loadLog reads the latencies from lines of a time, a status and microseconds.
func readH2loadLog(name string, status int) ([]time.Duration, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var latencies []time.Duration
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[1] != strconv.Itoa(status) {
			return nil, fmt.Errorf("h2load: response %q, want status %d", lines.Text(), status)
		}
		microseconds, err := strconv.Atoi(fields[2])
		if err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Duration(microseconds)*time.Microsecond)
	}
	return latencies, lines.Err()
}
