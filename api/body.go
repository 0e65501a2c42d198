package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"originwarden/api/decode"
	"originwarden/api/problem"
	"originwarden/origins"
)

// readBody reads the body of r, whose Content-Type must be one of mediaTypes. A body
// without a type is refused: forms and scripts of other sites can send that
// without a preflight.
func (t *tenantRequest) readBody(w http.ResponseWriter, r *http.Request, mediaTypes ...string) ([]byte, error) {
	if !hasMediaType(r.Header.Values("Content-Type"), mediaTypes) {
		response := problem.BadRequest(http.StatusUnsupportedMediaType, "The body has to be "+strings.Join(mediaTypes, " or ")+".")
		if r.Method == http.MethodPatch { // RFC 5789, section 2.2
			response.Header = http.Header{"Accept-Patch": {strings.Join(mediaTypes, ", ")}}
		}
		return nil, response
	}
	tooLarge := problem.BadRequest(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", t.Limits.Body))
	if r.ContentLength > t.Limits.Body {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.Limits.Body))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil && errorResponseFor(err) == nil { // the client or a deadline of the connection ended it
		err = problem.InvalidBody()
	}
	return body, err
}

// hasMediaType reports whether there is one Content-Type line, and it names one of the
// media types. Parameters mean nothing to JSON (RFC 8259, section 11).
func hasMediaType(lines, mediaTypes []string) bool {
	if len(lines) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(lines[0])
	return err == nil && slices.Contains(mediaTypes, mediaType)
}

// entryRules returns the rules for the tenant's entries.
func (t *tenantRequest) entryRules() decode.Rules {
	return decode.Rules{Max: t.Limits.Origins, Patterns: t.permittedPatterns()}
}

func (t *tenantRequest) permittedPatterns() origins.Patterns {
	if t.Patterns == nil {
		return origins.NoPatterns
	}
	return t.Patterns(t.tenant)
}
