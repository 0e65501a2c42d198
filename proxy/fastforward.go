package proxy

import (
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/net/http/httpguts"

	"originwarden/proxy/cors"
	"originwarden/proxy/fastlane"
	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
	"originwarden/proxy/upstream"
)

// forward sends the request to the tenant and its response to the client.
func (x *fastExchange) forward(body []byte) {
	if p := x.enterTenant(); p != nil {
		x.send(x.refuse(p))
		return
	}
	defer x.leaveTenant()
	out := &x.outgoing
	out.Method, out.HasBody = x.Method, len(body) > 0
	out.Authenticates = fields.Authenticates(&x.request.Head)
	if !x.dropsCredentials() {
		out.Session = x.request.Conn.Session()
	}
	out.Bytes = append(x.appendRequest(out.Bytes[:0]), body...)
	x.sentAt = time.Now()
	res, err := x.tenant.upstream.Plain().Send(out)
	if err == nil && res.Status == http.StatusSwitchingProtocols {
		res.Body.Close()
		err = errUnasked
	}
	if err != nil {
		if x.request.Conn.IsAborted() {
			err = upstream.ErrClientGone
		}
		p := x.problemOfUpstream(context.Background(), err)
		x.noteFailure(err)
		x.send(x.refuse(p))
		return
	}
	defer res.Body.Close()
	x.UpstreamTime = time.Since(x.sentAt)
	x.relay(res)
}

// appendRequest appends the head of the request to the tenant.
func (x *fastExchange) appendRequest(out []byte) []byte {
	head := &x.request.Head
	out = append(out, head.Method...)
	out = append(out, ' ')
	out = append(append(out, x.tenant.prefix...), head.Target...)
	out = append(out, " HTTP/1.1\r\n"...)
	out = fastlane.AppendField(out, "Host", x.hostForTenant())
	trusted := x.settings.trusted.Contains(x.in.Peer)
	for _, f := range head.Fields {
		name, value, ok := http.CanonicalHeaderKey(f.Name), f.Value, true
		if name == "Cookie" {
			value, ok = x.settings.PrivateCookies.Strip(value)
		}
		if ok && !x.isReplaced(name, trusted) {
			out = fastlane.AppendField(out, f.Name, value)
		}
	}
	var room [5]field
	for _, f := range x.addedFields(room[:]) {
		out = fastlane.AppendField(out, fields.Spell(f.Name), f.Values[0])
	}
	if head.HasLength || http1.ExpectsBody(head.Method) {
		out = fastlane.AppendLength(out, head.Length)
	}
	return append(out, "\r\n"...)
}

// isReplaced reports whether the tenant does not get the client's field.
func (x *fastExchange) isReplaced(name string, trusted bool) bool {
	switch name {
	case "Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Traceparent", fields.Loop:
		return true
	case "Cookie", "Authorization":
		return x.dropsCredentials()
	case "Tracestate":
		return x.dropsState
	case "Close": // named by Connection: close
		return x.request.Head.Close
	}
	return fields.IsHopByHop(name) || fields.IsUntrusted(name, trusted)
}

// relay sends the tenant's response to the client, each piece as it comes.
func (x *fastExchange) relay(res *http1.Response) {
	chunked := res.Body != http.NoBody && res.Length < 0
	r := x.request
	r.Out = x.appendResponse(r.Out[:0], res, chunked)
	x.status = res.Status
	for res.Body != http.NoBody {
		n, err := res.Body.Read(r.Copy[:])
		r.Out = fastlane.AppendPiece(r.Out, r.Copy[:n], chunked)
		x.sent += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil || len(r.Out) > maxCombined {
			x.flush()
		}
		if err != nil || x.broken {
			x.Err = err
			return
		}
	}
	if chunked {
		r.Out = x.appendTrailer(append(r.Out, "0\r\n"...), res.Trailer)
	}
	x.Cut = !x.flush()
}

// maxCombined is how much of a response is collected for one write.
const maxCombined = 8 << 10

// flush sends what was collected of a response, also before the gateway waits for the
// tenant, and reports whether all of the response could be sent so far.
func (x *fastExchange) flush() bool {
	if len(x.request.Out) > 0 {
		x.write(x.request.Out)
	}
	return !x.broken
}

// appendResponse appends the head of the response to the client.
func (x *fastExchange) appendResponse(out []byte, res *http1.Response, chunked bool) []byte {
	out = fastlane.AppendStatus(out, res.Status, res.ReasonPhrase())
	var room [4]string
	connection := res.Fields.AppendValues(room[:0:2], "Connection")
	for _, f := range res.Fields {
		if name := http.CanonicalHeaderKey(f.Name); x.mayReturn(name) && (x.cors == cors.Kept || name != "Vary") && !httpguts.HeaderValuesContainsToken(connection, f.Name) {
			out = fastlane.AppendField(out, f.Name, f.Value)
		}
	}
	vary := res.Fields.AppendValues(room[2:2], "Vary")
	if httpguts.HeaderValuesContainsToken(connection, "Vary") {
		vary = nil
	}
	out = x.appendOwnFields(out, vary)
	switch {
	case chunked:
		if names := fields.KeptTrailers(res.Fields.Values("Trailer"), x.cors != cors.Kept); names != "" {
			out = fastlane.AppendField(out, "Trailer", names)
		}
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	case res.Length >= 0 && res.Status != http.StatusNoContent:
		out = fastlane.AppendLength(out, res.Length)
	}
	return append(out, "\r\n"...)
}

// mayReturn reports whether the client gets a field of the tenant's as it is, by its
// canonical name.
func (x *fastExchange) mayReturn(name string) bool {
	return name != "Content-Length" && !fields.IsHopByHop(name) && x.isTenantField(name)
}

// appendTrailer appends the fields after the last chunk.
func (x *fastExchange) appendTrailer(out []byte, trailer http1.Fields) []byte {
	if len(trailer) <= fields.MaxTrailers {
		for _, f := range trailer {
			if x.cors == cors.Kept || !fields.IsCORS(f.Name) {
				out = fastlane.AppendField(out, f.Name, f.Value)
			}
		}
	}
	return append(out, "\r\n"...)
}

// sendInformational sends an informational response of the tenant.
func (x *fastExchange) sendInformational(status int, all http1.Fields) error {
	out := fastlane.AppendStatus(x.request.Out[:0], status, http.StatusText(status))
	for _, f := range all {
		if x.mayReturn(http.CanonicalHeaderKey(f.Name)) {
			out = fastlane.AppendField(out, f.Name, f.Value)
		}
	}
	if !x.write(append(out, "\r\n"...)) {
		return upstream.ErrClientGone
	}
	return nil
}
