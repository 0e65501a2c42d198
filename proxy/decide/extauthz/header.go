package extauthz

import (
	"strings"

	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz/wire"
)

// header is the header in a question, with the pseudo-header fields of HTTP/2. It
// implements request.Fields.
type header struct {
	names  []string // of each line, in any case
	values []string
	// extended says that a WebSocket is asked for by an extended CONNECT (RFC 8441), if
	// one is. Envoy shows that as an upgrade of HTTP/1.1, but without a key. No client of
	// HTTP/2 can send Upgrade itself (RFC 9113, section 8.2.2).
	extended bool
}

// Values implements request.Fields.
func (h *header) Values(name string) []string {
	var found []string
	for i, have := range h.names {
		switch {
		case !isName(have, name):
		case found == nil:
			found = h.values[i : i+1 : i+1]
		default:
			found = append(found, h.values[i])
		}
	}
	if h.extended && name == "Sec-Websocket-Key" {
		return decide.WebSocketKey(found)
	}
	return found
}

// isName reports whether have is the name, in any case.
func isName(have, name string) bool {
	return len(have) == len(name) && strings.EqualFold(have, name)
}

// linesOf returns the lines of the header in a question. Envoy sends header_map, which
// keeps them, if it is configured with encode_raw_headers, and otherwise headers.
func linesOf(from *wire.CheckRequest) *wire.Lines {
	if len(from.HeaderMap.Names) > 0 {
		return &from.HeaderMap
	}
	return &from.Headers
}

// readHeader reads the header of a question.
func readHeader(from *wire.CheckRequest) (*header, error) {
	lines := linesOf(from)
	h := &header{names: lines.Names, values: lines.Values, extended: isMultiplexed(from.Protocol)}
	switch {
	case len(h.names) > wire.MaxLines:
		return nil, errHeaders
	case lines.Ambiguous:
		return nil, errValues
	case lines == &from.Headers:
		h.split()
	}
	return h, h.checkMethod(from.Method)
}

// split splits what headers has joined: lines of one name, by commas. An origin has none,
// so that an Origin with a comma is several lines.
func (h *header) split() {
	for i, name := range h.names {
		if line, more, found := strings.Cut(h.values[i], ","); found && isName(name, "Origin") {
			h.values[i] = line
			h.names, h.values = append(h.names, name), append(h.values, more)
		}
	}
}

// checkMethod returns an error if the header lacks :method. Envoy sends that with all
// headers, unless it is configured to send some only: then Origin may be missing, and
// every request would pass as one without an origin.
func (h *header) checkMethod(method string) error {
	switch lines := h.Values(":method"); {
	case len(lines) == 0:
		return errFiltered
	case len(lines) > 1, lines[0] != method:
		return errMethod
	}
	return nil
}

// isMultiplexed reports whether a protocol, as Envoy names it, has extended CONNECT.
func isMultiplexed(protocol string) bool { return protocol == "HTTP/2" || protocol == "HTTP/3" }
