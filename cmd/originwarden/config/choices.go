package config

import (
	"fmt"
	"strings"

	"go.uber.org/zap/zapcore"

	"originwarden/origins"
)

// Mode is what the gateway does about a decision.
type Mode uint8

const (
	// Enforce answers refused requests. It is the zero value.
	Enforce Mode = iota
	// Headers forwards refused requests, and their answers have no CORS headers.
	Headers
	// Report forwards everything untouched.
	Report
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(text []byte) error {
	return choose(m, text, choice[Mode]{"enforce", Enforce}, choice[Mode]{"headers", Headers}, choice[Mode]{"report", Report})
}

// Requirement says which requests must have an Origin.
type Requirement origins.Requirement

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Requirement) UnmarshalText(text []byte) error {
	type option = choice[origins.Requirement]
	return choose((*origins.Requirement)(r), text, option{"none", origins.RequireNone},
		option{"websocket", origins.RequireWebSocket}, option{"unsafe", origins.RequireUnsafe})
}

// Role is what a token may do.
type Role uint8

const (
	// RoleReader may read. It is the zero value.
	RoleReader Role = iota
	// RoleAdmin may also write.
	RoleAdmin
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error {
	return choose(r, text, choice[Role]{"admin", RoleAdmin}, choice[Role]{"reader", RoleReader})
}

// Creation says whether a missing store is created.
type Creation uint8

const (
	// CreateAuto creates it. It is the zero value.
	CreateAuto Creation = iota
	// CreateNever makes a missing store an error.
	CreateNever
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Creation) UnmarshalText(text []byte) error {
	return choose(c, text, choice[Creation]{"auto", CreateAuto}, choice[Creation]{"never", CreateNever})
}

// Level is the least severe level that is logged.
type Level zapcore.Level

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	type option = choice[zapcore.Level]
	return choose((*zapcore.Level)(l), text, option{"debug", zapcore.DebugLevel}, option{"info", zapcore.InfoLevel},
		option{"warn", zapcore.WarnLevel}, option{"error", zapcore.ErrorLevel})
}

// Format is how log lines are written.
type Format uint8

const (
	// JSON is one object per line. It is the zero value.
	JSON Format = iota
	// Console is text for people.
	Console
	// Auto is Console on a terminal and JSON elsewhere.
	Auto
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Format) UnmarshalText(text []byte) error {
	return choose(f, text, choice[Format]{"auto", Auto}, choice[Format]{"json", JSON}, choice[Format]{"console", Console})
}

// choice is a name in the configuration and what it stands for.
type choice[T any] struct {
	name  string
	value T
}

func choose[T any](into *T, text []byte, choices ...choice[T]) error {
	names := make([]string, len(choices))
	for i, c := range choices {
		if c.name == string(text) {
			*into = c.value
			return nil
		}
		names[i] = c.name
	}
	return fmt.Errorf("%s is not one of %s", quote(text), strings.Join(names, ", "))
}
