package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Tracing is where spans go, and how many.
type Tracing struct {
	// OTLP is the collector; without one there are no spans.
	OTLP Collector `yaml:"otlp"`
	// Sample is the share of traces that are sampled, but for those that a trusted
	// proxy has decided about.
	Sample Share `yaml:"sample"`
}

func (t Tracing) same(other Tracing) bool {
	return t.OTLP.String() == other.OTLP.String() && t.Sample == other.Sample
}

// String is the URL, or "" of none.
func (c Collector) String() string {
	if c.URL == nil {
		return ""
	}
	return c.URL.String()
}

// Collector is the URL of one that speaks OTLP. Its zero value is none.
type Collector struct{ *url.URL }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Collector) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Collector{}
		return nil
	}
	parsed, err := url.Parse(strings.TrimSuffix(string(text), "/"))
	if err != nil || !isOTLP(parsed.Scheme) || parsed.Hostname() == "" {
		return fmt.Errorf("%s is no collector, such as http://collector:4318 or grpc://collector:4317", quote(text))
	}
	*c = Collector{parsed}
	return c.check(text)
}

// isOTLP reports whether there is OTLP over the scheme.
func isOTLP(scheme string) bool {
	switch scheme {
	case "http", "https", "grpc", "grpcs":
		return true
	}
	return false
}

// GRPC reports whether the collector speaks gRPC, and not HTTP.
func (c Collector) GRPC() bool { return strings.HasPrefix(c.Scheme, "grpc") }

func (c Collector) check(text []byte) error {
	switch {
	case c.User != nil:
		return errors.New("the URL has user info: credentials are for OTEL_EXPORTER_OTLP_HEADERS")
	case c.RawQuery != "" || c.ForceQuery || c.Fragment != "" || strings.HasSuffix(string(text), "#"):
		return fmt.Errorf("%s has a query or a fragment, which nobody would get", quote(text))
	case strings.HasSuffix(c.Host, ":") || c.Port() != "" && !isPort(c.Port(), 1):
		return fmt.Errorf("%s has a port that is not a number from 1 to 65535", quote(text))
	case c.GRPC() && c.Port() == "":
		return fmt.Errorf("%s has no port, such as 4317", quote(text))
	case c.GRPC() && c.Path != "":
		return fmt.Errorf("%s has a path, which gRPC has none of", quote(text))
	}
	return nil
}

// Share is a part of a whole, from 0 to 1.
type Share float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Share) UnmarshalText(text []byte) error {
	parsed, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(parsed >= 0 && parsed <= 1) || strings.Trim(string(text), "0123456789.") != "" {
		return fmt.Errorf("%s is no share: a number from 0 to 1", quote(text))
	}
	*s = Share(parsed)
	return nil
}
