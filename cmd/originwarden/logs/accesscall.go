package logs

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/api"
	"originwarden/origins"
	"originwarden/proxy"
)

// MaxName is the limit, in bytes, of names that administrators and issuers choose.
const MaxName = 256

// apiOutcome returns what the API has reported of an exchange, or nil.
func apiOutcome(x *proxy.Exchange) *api.Outcome {
	o, _ := x.Attached.(*api.Outcome)
	return o
}

// verdictOf returns the verdict of a line, and its reason: those of the decision,
// unless the API has refused what the decision had allowed.
func verdictOf(x *proxy.Exchange) (verdict origins.Verdict, reason string) {
	if o := apiOutcome(x); o != nil && o.Code != "" {
		return origins.Refused, strings.ToLower(o.Code)
	}
	return x.Verdict, x.Reason
}

// addCall adds who asked the API for what, and what that has changed.
func addCall(into zapcore.ObjectEncoder, c *api.Call) {
	addTexts(into, "issuer", Escape(c.Issuer, MaxName), "subject", Escape(c.Subject, MaxName), "integration", Escape(c.Integration, MaxName),
		"dismissed_origin", Escape(c.Dismissed, origins.MaxLength), "restored_origin", Escape(c.Restored, origins.MaxLength))
	if c.Diff != nil {
		zap.Inline((*changeLine)(c.Diff)).AddTo(into)
	}
}

// Call returns the fields of a call that did not come through the gateway.
func Call(c *api.Call) zap.Field {
	return zap.Inline(zapcore.ObjectMarshalerFunc(func(into zapcore.ObjectEncoder) error {
		addCall(into, c)
		return nil
	}))
}

// changeLine is a change as a line has it.
type changeLine api.Diff

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c *changeLine) MarshalLogObject(into zapcore.ObjectEncoder) error {
	into.AddString("name", Escape(c.Name, MaxName))
	addTexts(into, "old_name", Escape(c.OldName, MaxName))
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
