package config

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// UpstreamURL says where a tenant's requests go: a URL of http, https, or h2c (HTTP/2
// without TLS), with a host and perhaps a path, which has no slash at its end; or of
// unix, whose path is that of a Unix socket.
type UpstreamURL struct{ *url.URL }

const upstreamExample = "http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock"

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UpstreamURL) UnmarshalText(text []byte) error {
	if socket, ok := strings.CutPrefix(string(text), "unix:"); ok {
		return u.parseSocket(socket)
	}
	parsed, err := parseURL(text, upstreamExample, "http", "https", "h2c")
	if err != nil {
		return err
	}
	prefix := parsed.EscapedPath()
	switch clean := strings.TrimSuffix(path.Clean(prefix), "/"); {
	case prefix == "":
	case prefix != clean:
		return fmt.Errorf("the path %.80q is not clean: use %.80q", prefix, clean)
	case strings.ContainsFunc(prefix, isNotInPath):
		return fmt.Errorf("the path %.80q has invalid or escaped characters", prefix)
	}
	u.URL = parsed
	return nil
}

// maxSocketPath is the longest path in bytes that all systems accept: an address has 104
// bytes on macOS and BSD and 108 on Linux, with a zero byte at the end.
const maxSocketPath = 103

// parseSocket parses the path of a Unix socket. It refuses characters by which other
// servers separate a prefix or a query from it.
func (u *UpstreamURL) parseSocket(socket string) error {
	if strings.HasPrefix(socket, "///") { // an empty host
		socket = socket[2:]
	}
	switch {
	case !strings.HasPrefix(socket, "/"), strings.HasSuffix(socket, "/"):
		return fmt.Errorf("%.80q is not the absolute path of a socket, as in unix:/run/app.sock", socket)
	case strings.ContainsAny(socket, ":?#%\x00"):
		return fmt.Errorf("the path %.80q of the socket has one of : ? # %%, which stand for nothing here", socket)
	case socket != path.Clean(socket):
		return fmt.Errorf("the path %.80q of the socket is not clean: use %.80q", socket, path.Clean(socket))
	case len(socket) > maxSocketPath:
		return fmt.Errorf("the path %.80q of the socket is longer than %d bytes", socket, maxSocketPath)
	}
	u.URL = &url.URL{Scheme: "unix", OmitHost: true, Path: socket}
	return nil
}

// HostSource says which Host a tenant gets.
type HostSource uint8

const (
	HostOfClient   HostSource = iota // the one that the client has sent
	HostOfUpstream                   // that of the upstream's URL
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *HostSource) UnmarshalText(text []byte) error { return choose(h, text, "client", "upstream") }
