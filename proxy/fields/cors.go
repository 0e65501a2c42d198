package fields

import (
	"net/http"
	"strings"
)

const corsPrefix = "Access-Control-"

// IsCORS reports whether only the gateway may set a field, by its name in any case.
func IsCORS(name string) bool {
	return len(name) >= len(corsPrefix) && strings.EqualFold(name[:len(corsPrefix)], corsPrefix)
}

// StripCORS removes the fields that only the gateway may set, from the header and
// from the announced trailers.
func StripCORS(header http.Header) {
	for name := range header {
		if IsCORS(name) {
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
			if name = strings.TrimSpace(name); name != "" && !IsCORS(name) {
				kept = append(kept, name)
			}
		}
	}
	return strings.Join(kept, ", ")
}
