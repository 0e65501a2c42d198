package fields

import (
	"maps"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// MaxTrailers is how many trailers a response may have. net/http compares each
// one that a response over HTTP/2 announces with all before it.
const MaxTrailers = 64

// LimitAnnounced removes the announcement of too many trailers, and with it the
// trailers: net/http sends none that was not announced.
func LimitAnnounced(header http.Header) {
	if areTooMany(header["Trailer"]) {
		delete(header, "Trailer")
	}
}

// areTooMany reports whether lines of Trailer announce more than MaxTrailers.
func areTooMany(lines []string) bool {
	count := 0
	for _, line := range lines {
		count += strings.Count(line, ",") + 1
	}
	return count > MaxTrailers
}

// LimitTrailers removes CORS fields (if stripCORS), and all if there are too many,
// from the trailers that were not announced. httputil puts these into the header,
// under http.TrailerPrefix; of the announced ones net/http sends no others.
func LimitTrailers(header http.Header, stripCORS bool) {
	count := 0
	for name := range header {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			if stripCORS && IsCORS(trailer) {
				delete(header, name)
			}
			count++
		}
	}
	if count > MaxTrailers {
		maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	}
}

// MayTrail reports whether a field may stand in a trailer: not what delimits
// messages (RFC 9110, section 6.5.1).
func MayTrail(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Transfer-Encoding", "Content-Length", "Trailer":
		return false
	}
	return httpguts.ValidHeaderFieldName(name)
}

// TakeAnnounced removes the Trailer line from header and returns its names
// without values, as http.Response has them.
func TakeAnnounced(header http.Header) http.Header {
	lines := header["Trailer"]
	delete(header, "Trailer")
	var trailer http.Header
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = http.CanonicalHeaderKey(strings.Trim(name, " \t")); MayTrail(name) {
				if trailer == nil {
					trailer = http.Header{}
				}
				trailer[name] = nil
			}
		}
	}
	return trailer
}
