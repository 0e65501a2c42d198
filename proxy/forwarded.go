package proxy

import (
	"net/http"
	"strings"
)

// forwardedHeaders sets X-Forwarded-For, -Host and -Proto. What came of
// X-Forwarded-For is kept only from a trusted proxy.
func (x *exchange) forwardedHeaders(header http.Header, in *http.Request) {
	chain := ""
	if x.peer.IsValid() {
		chain = x.peer.String()
	}
	if x.settings.trusted.Contains(x.peer) {
		if prior := strings.Join(in.Header["X-Forwarded-For"], ", "); prior != "" {
			chain = prior + ", " + chain
		}
	}
	header["X-Forwarded-For"] = []string{chain}
	header["X-Forwarded-Host"] = []string{in.Host}
	header["X-Forwarded-Proto"] = []string{x.scheme}
}
