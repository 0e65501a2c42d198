package logs

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/api"
	"originwarden/origins"
	"originwarden/proxy"
)

// LongestName is for what administrators and issuers name as they like.
const LongestName = 256

// apiOutcome is what the API has reported of an exchange, or nil.
func apiOutcome(x *proxy.Exchange) *api.Outcome {
	o, _ := x.Attached.(*api.Outcome)
	return o
}

// verdictOf is the verdict of a line, and its reason: those of the decision,
// unless the API has refused what the decision had allowed.
func verdictOf(x *proxy.Exchange) (verdict origins.Verdict, reason string) {
	if o := apiOutcome(x); o != nil && o.Code != "" {
		return origins.Refused, strings.ToLower(o.Code)
	}
	return x.Verdict, x.Reason
}

// addCall adds who asked the API for what, and what that has changed.
func addCall(into zapcore.ObjectEncoder, c *api.Call) {
	addTexts(into, "issuer", Escape(c.Issuer, LongestName), "subject", Escape(c.Subject, LongestName), "integration", Escape(c.Integration, LongestName))
	if c.Change != nil {
		zap.Inline((*changeLine)(c.Change)).AddTo(into)
	}
}

// changeLine is a change as a line has it.
type changeLine api.Change

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c *changeLine) MarshalLogObject(into zapcore.ObjectEncoder) error {
	into.AddString("name", Escape(c.Name, LongestName))
	addTexts(into, "old_name", Escape(c.OldName, LongestName))
	into.AddInt("added", c.Added)
	into.AddInt("removed", c.Removed)
	if c.Added > 0 {
		zap.Strings("added_origins", c.FirstAdded).AddTo(into)
	}
	if c.Removed > 0 {
		zap.Strings("removed_origins", c.FirstRemoved).AddTo(into)
	}
	return nil
}
