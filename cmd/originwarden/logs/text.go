package logs

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// What libraries say may hold what a client, a tenant or a collector sent, such as
// a cookie or a token. Of that the log has the kind, and addresses.

// ErrorText is what is logged of an error.
func ErrorText(err error) string {
	if asked, ok := errors.AsType[*url.Error](err); ok { // which quotes the URL, before the cause
		return asked.Op + ": " + ErrorText(asked.Err)
	}
	text, _, _ := strings.Cut(err.Error(), "(body: ") // as otlptracehttp ends with the response
	return Escape(unquoted(text), LongestError)
}

// unquoted is text up to what it quotes.
func unquoted(text string) string {
	if quote := strings.IndexAny(text, "\"`"); quote >= 0 {
		text = strings.TrimRight(text[:quote], " :=([{,;")
	}
	return text
}

// lineText returns the part of a line that is logged: of an unknown line, only what
// precedes the first colon, because the rest may quote a client.
func lineText(line string) string {
	const stackBegins = "\ngoroutine "
	line, stack, panicked := strings.Cut(strings.TrimSuffix(line, "\n"), stackBegins)
	if !slices.ContainsFunc(knownLines(), func(kind string) bool { return strings.HasPrefix(line, kind) }) {
		before, _, _ := strings.Cut(line, ": ")
		return Escape(unquoted(before), longestLine)
	}
	line = unquoted(line)
	if panicked { // of functions, places in the code and numbers
		line += stackBegins + stack
	}
	return Escape(line, longestLine)
}

// longestLine leaves room for the stack of a panic.
const longestLine = 4096

// knownLines are how the lines of net/http, its HTTP/2 and httputil begin that
// have nothing from others but addresses and what they quote.
func knownLines() []string {
	return []string{
		"http: panic serving ", "http2: panic serving ",
		"http: Accept error: ", "http: TLS handshake error from ", "http: proxy error: ",
		"http: superfluous response.WriteHeader ", "http: response.Write", "http: WriteHeader called with ",
		"http: invalid Content-Length ", "http: URL query contains semicolon",
		"http2: server connection error from ", "http2: server: error reading preface from client ",
		"http2: server closing client connection", "http2: received GOAWAY ", "http2: too many control frames ",
		"timeout waiting for ", "ignoring invalid trailer ",
		"httputil: ReverseProxy ", "suppressing panic for copyResponse error ",
		"Unsolicited response received on idle HTTP channel ", "protocol error: received ",
	}
}
