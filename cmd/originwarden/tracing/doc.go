// Package tracing sends the spans of requests to an OpenTelemetry collector. A
// collector that is slow or unreachable never delays a request: spans for which
// there is no room are dropped and counted.
package tracing
