package load

import (
	"context"
	"time"

	"originwarden/bench/process"
)

// HasHTTP2 reports whether HTTP/2 can be driven here.
func HasHTTP2() bool { return process.IsInstalled("h2load") }

// canUseWrk reports whether wrk is installed and can run for the duration, which it
// takes in whole seconds.
func canUseWrk(duration time.Duration) bool {
	return process.IsInstalled("wrk") && duration >= time.Second
}

// Missing returns a line for each program of the load that is not installed.
func Missing() (lines []string) {
	if !process.IsInstalled("wrk") {
		lines = append(lines, "without wrk, this command sends the requests itself, more slowly: apt-get install wrk")
	}
	if !HasHTTP2() {
		lines = append(lines, "HTTP/2 is not measured without h2load: apt-get install nghttp2-client")
	}
	return lines
}

// Versions returns the versions of the programs that are installed, by their names.
func Versions(ctx context.Context) map[string]string {
	all := map[string]string{}
	if process.IsInstalled("wrk") {
		all["wrk"] = process.Version(ctx, "wrk", "-v")
	}
	if HasHTTP2() {
		all["h2load"] = process.Version(ctx, "h2load", "--version")
	}
	return all
}
