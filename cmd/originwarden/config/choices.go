package config

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"

	"originwarden/origins"
)

// Mode is what the gateway does about a decision.
type Mode uint8

const (
	Enforce Mode = iota // answers refused requests
	Headers             // forwards refused requests, without CORS headers in their responses
	Report              // forwards everything untouched
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(text []byte) error {
	return choose(m, text, "enforce", "headers", "report")
}

// HostSource says which Host a tenant gets.
type HostSource uint8

const (
	HostOfClient   HostSource = iota // the one that the client has sent
	HostOfUpstream                   // that of the upstream's URL
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *HostSource) UnmarshalText(text []byte) error { return choose(h, text, "client", "upstream") }

// Requirement says which requests must have an Origin.
type Requirement origins.Requirement

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Requirement) UnmarshalText(text []byte) error {
	return choose(r, text, "none", "websocket", "unsafe")
}

// Patterns says which patterns may be among a tenant's entries.
type Patterns origins.Patterns

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Patterns) UnmarshalText(text []byte) error { return choose(p, text, "none", "own", "hosted") }

// Role is what a token may do.
type Role uint8

const (
	RoleReader Role = iota // may read
	RoleAdmin              // may also write
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error { return choose(r, text, "reader", "admin") }

// Creation says whether a missing store is created.
type Creation uint8

const (
	CreateAuto  Creation = iota // creates it
	CreateNever                 // makes it an error
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Creation) UnmarshalText(text []byte) error { return choose(c, text, "auto", "never") }

// Level is the least severe level that is logged.
type Level zapcore.Level

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	var index Level // from debug
	err := choose(&index, text, "debug", "info", "warn", "error")
	if err == nil {
		*l = Level(zapcore.DebugLevel) + index
	}
	return err
}

// Format is how log lines are written.
type Format uint8

const (
	JSON    Format = iota // an object per line
	Console               // text for people
	Auto                  // Console on a terminal, and JSON elsewhere
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Format) UnmarshalText(text []byte) error { return choose(f, text, "json", "console", "auto") }

// choose sets a value to the index of text among the names, which are in the
// order of its constants.
func choose[T ~int8 | ~uint8](value *T, text []byte, names ...string) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%.80q is not one of %s", text, strings.Join(names, ", "))
	}
	*value = T(i)
	return nil
}
