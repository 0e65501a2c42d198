package logs

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// The errors of libraries may quote what a client, a tenant or a collector sent, such
// as a cookie or a token. The log keeps only the kind of such an error, and addresses.

// ErrorText returns the text of err that may be logged.
func ErrorText(err error) string {
	if urlErr, ok := errors.AsType[*url.Error](err); ok { // which quotes the URL, before the cause
		return urlErr.Op + ": " + ErrorText(urlErr.Err)
	}
	text, _, _ := strings.Cut(err.Error(), "(body: ") // otlptracehttp appends the response
	return Escape(beforeQuote(text), MaxError)
}

// beforeQuote returns text up to its first quotation mark.
func beforeQuote(text string) string {
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
		return Escape(beforeQuote(before), maxLine)
	}
	line = beforeQuote(line)
	if panicked { // a stack has only functions, source lines and numbers
		line += stackBegins + stack
	}
	return Escape(line, maxLine)
}

// maxLine is in bytes, with room for the stack of a panic.
const maxLine = 4096

// knownLines returns the beginnings of those lines of net/http, its HTTP/2 and
// httputil that have nothing from others but addresses and what they quote.
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
