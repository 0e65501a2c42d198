package proxy

import (
	"maps"
	"net/http"
	"strings"
)

// maxTrailers is how many trailers an answer may have. net/http compares each
// one that an answer over HTTP/2 announces with all before it.
const maxTrailers = 64

// limitAnnounced takes away the announcement of too many trailers, and with it
// the trailers: net/http sends none that was not announced.
func limitAnnounced(header http.Header) {
	commas := 0
	for _, line := range header["Trailer"] {
		if commas += strings.Count(line, ",") + 1; commas > maxTrailers {
			delete(header, "Trailer")
			return
		}
	}
}

// finish takes CORS headers out of the trailers. httputil puts those that the
// tenant announced under their names, where net/http sends the announced ones
// only, and the others under http.TrailerPrefix. Of too many none is sent.
func (a *answer) finish() {
	header, others := a.Header(), 0
	for name := range header {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			if a.dress != untouched && isCORS(trailer) {
				delete(header, name)
			}
			others++
		}
	}
	if others > maxTrailers {
		maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	}
}

const corsPrefix = "Access-Control-"

func isCORS(name string) bool {
	return len(name) >= len(corsPrefix) && strings.EqualFold(name[:len(corsPrefix)], corsPrefix)
}

// stripCORS removes what only the gateway may say, from the header and from
// the announced trailers.
func stripCORS(header http.Header) {
	for name := range header {
		if isCORS(name) {
			delete(header, name)
		}
	}
	if announced := header["Trailer"]; announced != nil {
		if kept := withoutCORS(announced); kept == "" {
			delete(header, "Trailer")
		} else {
			header["Trailer"] = []string{kept}
		}
	}
}

func withoutCORS(lines []string) string {
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" && !isCORS(name) {
				kept = append(kept, name)
			}
		}
	}
	return strings.Join(kept, ", ")
}
