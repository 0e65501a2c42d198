package fields

import (
	"maps"
	"net/http"
	"strings"
)

// MaxTrailers is how many trailers a response may have. net/http compares each
// one that a response over HTTP/2 announces with all before it.
const MaxTrailers = 64

// LimitAnnounced removes the announcement of too many trailers, and with it the
// trailers: net/http sends none that was not announced.
func LimitAnnounced(header http.Header) {
	commas := 0
	for _, line := range header["Trailer"] {
		if commas += strings.Count(line, ",") + 1; commas > MaxTrailers {
			delete(header, "Trailer")
			return
		}
	}
}

// LimitTrailers removes CORS fields (if stripCORS), and all if there are too many,
// from the trailers that were not announced. httputil puts these into the header,
// under http.TrailerPrefix; of the announced ones net/http sends no others.
func LimitTrailers(header http.Header, stripCORS bool) {
	count := 0
	for name := range header {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			if stripCORS && isCORS(trailer) {
				delete(header, name)
			}
			count++
		}
	}
	if count > MaxTrailers {
		maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	}
}
