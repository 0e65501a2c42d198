package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"originwarden/origins"
)

// Duration is a time.Duration as Go writes it, never negative.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%s is no duration, such as 90s, 10m or 1h30m", quote(text))
	case parsed < 0:
		return fmt.Errorf("%s is negative", quote(text))
	}
	*d = Duration(parsed)
	return nil
}

// Size is a number of bytes, never negative.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	digits, unit := string(text), int64(1)
	for i, name := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(digits, name); ok {
			digits, unit = strings.TrimSuffix(rest, " "), int64(1)<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && n > math.MaxInt/unit:
		return fmt.Errorf("%s is too large", quote(text))
	case err != nil || !isDigits(strings.TrimPrefix(digits, "-")):
		return fmt.Errorf("%s is no size, such as 4096, 32KiB or 1MiB", quote(text))
	case n < 0:
		return fmt.Errorf("%s is negative", quote(text))
	}
	*s = Size(n * unit)
	return nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// URL is the scheme and host of a tenant.
type URL struct{ *url.URL }

// UnmarshalText implements encoding.TextUnmarshaler. A slash at the end means
// nothing; a path would be ignored, so it is refused.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(strings.TrimSuffix(string(text), "/"))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return fmt.Errorf("%s is no URL such as http://127.0.0.1:3000", quote(text))
	}
	switch {
	case parsed.User != nil:
		return errors.New("the URL has user info, which would be sent to nobody")
	case parsed.Path != "" || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || strings.HasSuffix(string(text), "#"):
		return errors.New("the URL has a path, a query or a fragment: requests keep their own, so it ends with its host or port")
	case strings.HasSuffix(parsed.Host, ":") || parsed.Port() != "" && !isPort(parsed.Port(), 1):
		return fmt.Errorf("%s has a port that is not a number from 1 to 65535", quote(text))
	}
	u.URL = parsed
	return nil
}

// isPort reports whether s is a port of least or above.
func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least && strconv.FormatUint(n, 10) == s
}

// Network is a range of addresses.
type Network struct{ netip.Prefix }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%s is no network such as 10.0.0.0/8 or 192.0.2.7/32", quote(text))
	case prefix.Addr().Is4In6():
		return fmt.Errorf("%s is an IPv4 network in IPv6 form, which no peer would match", quote(text))
	case prefix != prefix.Masked():
		return fmt.Errorf("%s has bits beyond its length: %s is the network, or its length is not meant", quote(text), prefix.Masked())
	}
	n.Prefix = prefix
	return nil
}

// Hash is the SHA-256 of a token.
type Hash [sha256.Size]byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return errors.New("the hash is not 64 hexadecimal digits")
	}
	copy(h[:], raw)
	return nil
}

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
	// RoleAdmin may write too.
	RoleAdmin
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error {
	return choose(r, text, choice[Role]{"admin", RoleAdmin}, choice[Role]{"reader", RoleReader})
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
	// JSON is an object a line. It is the zero value.
	JSON Format = iota
	// Console is text for people.
	Console
	// Auto is Console on a terminal, and JSON elsewhere.
	Auto
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Format) UnmarshalText(text []byte) error {
	return choose(f, text, choice[Format]{"auto", Auto}, choice[Format]{"json", JSON}, choice[Format]{"console", Console})
}

// choice is one of the values that a key can have.
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
	return fmt.Errorf("%s is none of %s", quote(text), strings.Join(names, ", "))
}

// quote shows a value in a message, in bounds and without control characters.
func quote[T ~string | ~[]byte](value T) string {
	const longest = 80
	if len(value) > longest {
		return strconv.QuoteToASCII(string(value[:longest])) + "…"
	}
	return strconv.Quote(string(value))
}
