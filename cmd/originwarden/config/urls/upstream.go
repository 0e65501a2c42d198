package urls

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

const upstreamExample = "http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock"

// ParseUpstream parses the URL of an upstream: of http, https, or h2c (HTTP/2 without
// TLS), with a host and perhaps a path, which has no slash at its end then; or of unix,
// whose path is that of a Unix socket.
func ParseUpstream(text string) (*url.URL, error) {
	if socket, ok := strings.CutPrefix(text, "unix:"); ok {
		return parseSocket(socket)
	}
	parsed, err := Parse(text, upstreamExample, "http", "https", "h2c")
	if err != nil {
		return nil, err
	}
	prefix := parsed.EscapedPath()
	switch clean := strings.TrimSuffix(path.Clean(prefix), "/"); {
	case prefix == "":
	case prefix != clean:
		return nil, fmt.Errorf("the path %.80q is not clean: use %.80q", prefix, clean)
	case strings.ContainsFunc(prefix, IsNotInPath):
		return nil, fmt.Errorf("the path %.80q has invalid or escaped characters", prefix)
	}
	return parsed, nil
}

// maxSocketPath is the longest path in bytes that all systems accept: an address has 104
// bytes on macOS and BSD and 108 on Linux, with a zero byte at the end.
const maxSocketPath = 103

// parseSocket parses the path of a Unix socket. It refuses characters by which other
// servers separate a prefix or a query from it.
func parseSocket(socket string) (*url.URL, error) {
	if strings.HasPrefix(socket, "///") { // an empty host
		socket = socket[2:]
	}
	switch {
	case !strings.HasPrefix(socket, "/"), strings.HasSuffix(socket, "/"):
		return nil, fmt.Errorf("%.80q is not the absolute path of a socket, as in unix:/run/app.sock", socket)
	case strings.ContainsAny(socket, ":?#%\x00"):
		return nil, fmt.Errorf("the path %.80q of the socket has one of : ? # %%, which stand for nothing here", socket)
	case socket != path.Clean(socket):
		return nil, fmt.Errorf("the path %.80q of the socket is not clean: use %.80q", socket, path.Clean(socket))
	case len(socket) > maxSocketPath:
		return nil, fmt.Errorf("the path %.80q of the socket is longer than %d bytes", socket, maxSocketPath)
	}
	return &url.URL{Scheme: "unix", OmitHost: true, Path: socket}, nil
}
