package ask

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// newRequest returns a request as a server reads it, with the bytes of path as they are.
func newRequest(method, host, path string, header http.Header) *http.Request {
	return &http.Request{
		Method: method, Host: host, RequestURI: path, Header: header, URL: &url.URL{Path: path},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
}

func escapeQuery(s string) string { return url.QueryEscape(s) }

// Curl returns the command that sends a request of Request or Preflight to a scheme and
// host, for a POSIX shell.
func Curl(base string, r *http.Request) string {
	words := []string{"curl", "-i"}
	if r.Header["Upgrade"] != nil {
		words = append(words, "--http1.1", "--max-time", "3")
	}
	if strings.ContainsAny(r.RequestURI, "[]{}") {
		words = append(words, "--globoff")
	}
	if strings.Contains(r.RequestURI, "/.") {
		words = append(words, "--path-as-is")
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodHead:
		words = append(words, "--head")
	default:
		words = append(words, "-X", quote(r.Method))
	}
	words = append(words, quote(base+r.RequestURI))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		line := name + ": " + r.Header[name][0]
		if r.Header[name][0] == "" {
			line = name + ";" // how curl sends an empty header
		}
		words = append(words, "-H", quote(line))
	}
	return strings.Join(words, " ")
}

// quote quotes a word for a POSIX shell, if that is necessary.
func quote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool { return !strings.ContainsRune(plainCharacters, c) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plainCharacters mean nothing to a shell.
const plainCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:"
