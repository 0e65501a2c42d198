package logs

import (
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/origins"
	"originwarden/proxy"
)

// AccessLog writes a line for every exchange, or only for those that failed and
// those that changed a list. Its zero value is not usable. It may be used
// concurrently.
type AccessLog struct {
	log     *Logger
	refused *Sampler // anybody can cause those at any rate
	all     bool
	plain   *plainLines // nil unless the format is JSON
}

// refusedFirst is how many refused requests of a second get a line, before they
// are sampled.
const refusedFirst = 1000

// NewAccessLog returns an access log that writes to log: a line for every exchange
// if all, or only for those that failed or changed a list.
func NewAccessLog(log *Logger, all bool) *AccessLog {
	l := &AccessLog{log: log, refused: log.Sampler("refused requests", refusedFirst), all: all}
	if log.json {
		l.plain = new(plainLines)
	}
	return l
}

// Observe writes the line of x. It builds nothing if the level is off.
func (l *AccessLog) Observe(x *proxy.Exchange) {
	level := zapcore.InfoLevel
	if HasFailed(x) {
		level = zapcore.WarnLevel
	} else if !l.all && !hasChanged(x) {
		return
	}
	if !l.log.Level.Enabled(level) {
		return
	}
	if verdict, reason := verdictOf(x); verdict == origins.Refused && !l.refused.Passes(reason) {
		return
	}
	if l.plain != nil && isPlain(x) {
		l.plain.write(l.log.lines, x)
	} else if entry := l.log.Check(level, "request"); entry != nil {
		entry.Write(zap.Inline((*accessLine)(x)))
	}
}

// hasChanged reports whether x has changed a list, or which refused origins are shown.
func hasChanged(x *proxy.Exchange) bool {
	o := apiOutcome(x)
	return o != nil && o.Call.HasChanged()
}

// HasFailed reports whether x went wrong for a reason other than the client.
func HasFailed(x *proxy.Exchange) bool {
	if o := apiOutcome(x); o != nil && o.Status >= http.StatusInternalServerError {
		return true
	}
	return x.UpstreamCause != proxy.CauseClient && (x.Err != nil || x.UpstreamCause != "")
}

// What a client sends is cut to this many bytes in a line.
const (
	MaxMethod = 32
	MaxPath   = 1024
	MaxError  = 1024
)

// accessLine is an exchange as its line has it.
type accessLine proxy.Exchange

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (x *accessLine) MarshalLogObject(into zapcore.ObjectEncoder) error {
	into.AddString("tenant", x.Tenant)
	into.AddString("kind", x.Kind.String())
	verdict, reason := verdictOf((*proxy.Exchange)(x))
	into.AddString("verdict", string(verdict))
	into.AddString("reason", reason)
	into.AddString("mode", x.Mode.String())
	into.AddString("method", Escape(x.Method, MaxMethod))
	into.AddString("path", Escape(x.Path, MaxPath))
	into.AddInt("status", x.Status)
	into.AddInt64("bytes", x.Sent)
	into.AddInt64("received", x.Received)
	into.AddDuration("duration", x.Duration)
	into.AddDuration("upstream", x.UpstreamTime)
	into.AddString("client", x.Client.String())
	into.AddString("trace_id", x.TraceID)
	x.addExceptional(into)
	if o := apiOutcome((*proxy.Exchange)(x)); o != nil {
		addCall(into, &o.Call)
	}
	return nil
}

// addExceptional adds what most exchanges do not have.
func (x *accessLine) addExceptional(into zapcore.ObjectEncoder) {
	for _, flag := range []struct {
		name string
		is   bool
	}{{"api", x.API}, {"cut", x.Cut}, {"own_host", x.OwnHost}, {"asked", x.Asked}} {
		if flag.is {
			into.AddBool(flag.name, true)
		}
	}
	addTexts(into, "origin", Escape(x.Origin, origins.MaxLength), "entry", x.Pattern, "tunnel_end", x.TunnelEnd, "limit", x.Limit,
		"nearest", x.Nearest.Entry, "nearest_is", string(x.Nearest.Relation), "upstream_cause", x.UpstreamCause)
	switch {
	case x.OwnHost:
		into.AddString("fix", ownHostFix)
	case x.Pattern != "" && (x.Decision == origins.OriginNotListed || x.Decision == origins.OriginNotInWebIntegration):
		into.AddString("fix", patternFix)
	}
	if x.Err != nil {
		into.AddString("error", ErrorText(x.Err))
	}
}

// addTexts adds pairs of name and value, but no empty values.
func addTexts(into zapcore.ObjectEncoder, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			into.AddString(pairs[i], pairs[i+1])
		}
	}
}

const (
	ownHostFix = "if the origin is an address of the tenant itself, add it to public_origins"
	patternFix = "the tenant's key patterns does not allow the entry that the origin matches: list the origin by name, or change the key"
)
