package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"originwarden/cmd/originwarden/config/tenantids"
	"originwarden/cmd/originwarden/config/urls"
)

// UpstreamURL says where a tenant's requests go; see urls.ParseUpstream. The zero
// UpstreamURL means that the gateway does not forward them.
type UpstreamURL struct {
	*url.URL
	template string // the text, if it has {id}; then URL is that of no tenant
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UpstreamURL) UnmarshalText(text []byte) error {
	if u.template = ""; tenantids.IsIn(string(text)) {
		u.template = string(text)
		text = []byte(tenantids.Replace(u.template, tenantids.Any))
	}
	parsed, err := urls.ParseUpstream(string(text))
	if err != nil {
		return err
	}
	u.URL = parsed
	return nil
}

// String returns the URL, or "".
func (u UpstreamURL) String() string {
	if u.URL == nil {
		return ""
	}
	return u.URL.String()
}

// For returns the upstream of the tenant with an id.
func (u UpstreamURL) For(id string) (UpstreamURL, error) {
	if u.template == "" {
		return u, nil
	}
	var of UpstreamURL
	err := of.UnmarshalText([]byte(tenantids.Replace(u.template, id)))
	return of, err
}

// Collector is the URL of an OTLP collector. The zero Collector means that there is
// none.
type Collector struct{ *url.URL }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Collector) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Collector{}
		return nil
	}
	parsed, err := urls.Parse(string(text), "http://collector:4318 or grpc://collector:4317", "http", "https", "grpc", "grpcs")
	*c = Collector{parsed}
	switch {
	case errors.Is(err, urls.ErrUserInfo):
		return fmt.Errorf("%w: credentials belong in OTEL_EXPORTER_OTLP_HEADERS", err)
	case err != nil:
		return err
	case c.GRPC() && c.Port() == "":
		return fmt.Errorf("%.80q has no port such as 4317", text)
	case c.GRPC() && c.Path != "":
		return fmt.Errorf("%.80q has a path, which gRPC does not use", text)
	}
	return nil
}

// GRPC reports whether the collector speaks gRPC rather than HTTP.
func (c Collector) GRPC() bool { return strings.HasPrefix(c.Scheme, "grpc") }

// StoreURL says where the store is: a SQLite file or an etcd cluster.
type StoreURL struct {
	// Path is the file, relative to the working directory, or "".
	Path string
	// Endpoints are members of the cluster, as host:port. Its keys begin with
	// Prefix. "": the default.
	Endpoints []string
	Prefix    string
}

// Remote reports whether the store is a cluster, which can be unavailable while
// the gateway runs.
func (u StoreURL) Remote() bool { return len(u.Endpoints) > 0 }

// String returns the URL.
func (u StoreURL) String() string {
	if u.Remote() {
		return "etcd://" + strings.Join(u.Endpoints, ",") + u.Prefix
	}
	return "sqlite:" + u.Path
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *StoreURL) UnmarshalText(text []byte) error {
	*u = StoreURL{}
	err := u.parse(string(text))
	if err != nil && urls.HasUserInfo(string(text)) {
		return fmt.Errorf("%w: for etcd, use store.etcd.username and store.etcd.password_file", urls.ErrUserInfo)
	}
	return err
}

func (u *StoreURL) parse(text string) error {
	if rest, ok := strings.CutPrefix(text, "etcd://"); ok {
		return u.parseCluster(rest)
	}
	path, ok := strings.CutPrefix(text, "sqlite:")
	if !ok || path == "" || path == ":memory:" || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?\x00") {
		return fmt.Errorf("%.80q is not a store such as sqlite:/var/lib/originwarden/lists.db or etcd://HOST:2379,HOST:2379/PREFIX", text)
	}
	u.Path = path
	return nil
}

func (u *StoreURL) parseCluster(rest string) error {
	members, prefix, _ := strings.Cut(rest, "/")
	for member := range strings.SplitSeq(members, ",") {
		host, port, err := net.SplitHostPort(member)
		if err != nil || host == "" || !isBindable(host) || !urls.IsPort(port, 1) {
			return fmt.Errorf("%.80q is not a member of a cluster such as etcd-1.internal:2379", member)
		}
	}
	if strings.ContainsAny(prefix, "?#\x00") {
		return fmt.Errorf("the prefix %.80q has a query or a fragment", prefix)
	}
	u.Endpoints = strings.Split(members, ",")
	if prefix != "" {
		u.Prefix = "/" + prefix
	}
	return nil
}
