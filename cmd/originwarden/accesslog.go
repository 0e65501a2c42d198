package main

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/origins"
	"originwarden/proxy"
)

// accessLog writes a line for every exchange. Its zero value is not usable; it
// may be used concurrently.
type accessLog struct {
	log     *zap.Logger
	sampled *zap.Logger // for what anybody can cause at any rate
	all     bool        // or only exchanges that failed
}

// refusedFirst is how many refused requests of a second get a line, before they
// are sampled.
const refusedFirst = 1000

func newAccessLog(log *zap.Logger, all bool) *accessLog {
	return &accessLog{log: log, sampled: sampled(log, refusedFirst), all: all}
}

// observe writes the line of x. Nothing is made up when the level is off.
func (l *accessLog) observe(x *proxy.Exchange) {
	log, level := l.log, zapcore.InfoLevel
	if x.Verdict == origins.Refused {
		log = l.sampled
	}
	if hasFailed(x) {
		level = zapcore.WarnLevel
	} else if !l.all {
		return
	}
	if entry := log.Check(level, "request"); entry != nil {
		entry.Write(fields(x)...)
	}
}

// hasFailed reports whether x went wrong for a reason other than the client.
func hasFailed(x *proxy.Exchange) bool {
	return x.UpstreamCause != "client" && (x.Err != nil || x.UpstreamCause != "")
}

// What a client sends is cut to these many bytes in a line.
const (
	longestMethod = 32
	longestPath   = 1024
	longestError  = 1024
)

func fields(x *proxy.Exchange) []zap.Field {
	all := make([]zap.Field, 0, 20)
	all = append(all,
		zap.String("tenant", x.Tenant),
		zap.Stringer("kind", x.Kind),
		zap.String("verdict", string(x.Verdict)),
		zap.String("reason", x.Reason),
		zap.Stringer("mode", x.Mode),
		zap.String("method", bounded(x.Method, longestMethod)),
		zap.String("path", bounded(x.Path, longestPath)),
		zap.Int("status", x.Status),
		zap.Int64("bytes", x.Sent),
		zap.Duration("duration", x.Duration),
		zap.Duration("upstream", x.Upstream),
		zap.Stringer("client", x.Client),
		zap.String("trace_id", x.TraceID),
	)
	if x.API {
		all = append(all, zap.Bool("api", true))
	}
	if x.Cut {
		all = append(all, zap.Bool("cut", true))
	}
	if x.TunnelEnd != "" {
		all = append(all, zap.String("tunnel_end", x.TunnelEnd))
	}
	if x.Limit != "" {
		all = append(all, zap.String("limit", x.Limit))
	}
	if x.Nearest.Relation != "" {
		all = append(all, zap.String("nearest", x.Nearest.Entry), zap.String("nearest_is", string(x.Nearest.Relation)))
	}
	if x.UpstreamCause != "" {
		all = append(all, zap.String("upstream_cause", x.UpstreamCause))
	}
	if x.Err != nil {
		all = append(all, zap.String("error", bounded(x.Err.Error(), longestError)))
	}
	return all
}
