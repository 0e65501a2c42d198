// Package values has the kinds of values that a configuration has beside those of
// YAML.
package values

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration as Go writes it, never negative.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%.80q is not a duration such as 90s, 10m or 1h30m", text)
	case parsed < 0:
		return fmt.Errorf("%.80q is negative", text)
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
		return fmt.Errorf("%.80q is too large", text)
	case err != nil || digits[0] == '+':
		return fmt.Errorf("%.80q is not a size such as 4096, 32KiB or 1MiB", text)
	case n < 0:
		return fmt.Errorf("%.80q is negative", text)
	}
	*s = Size(n * unit)
	return nil
}

// Share is a fraction from 0 to 1.
type Share float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Share) UnmarshalText(text []byte) error {
	parsed, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(parsed >= 0 && parsed <= 1) || strings.Trim(string(text), "0123456789.") != "" {
		return fmt.Errorf("%.80q is not a number from 0 to 1", text)
	}
	*s = Share(parsed)
	return nil
}

// Network is a range of addresses.
type Network struct{ netip.Prefix }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%.80q is not a network such as 10.0.0.0/8 or 192.0.2.7/32", text)
	case prefix.Addr().Is4In6():
		return fmt.Errorf("%.80q is an IPv4 network in IPv6 form, which matches no peer", text)
	case prefix != prefix.Masked():
		return fmt.Errorf("%.80q has bits set beyond its prefix: the network is %s", text, prefix.Masked())
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
