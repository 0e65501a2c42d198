package proxy

import (
	"context"
	"errors"
	"net/http"
	"os"

	"originwarden/proxy/fastlane"
	"originwarden/proxy/http1"
	"originwarden/proxy/upstream"
)

// fastExchange is an exchange in the fast lane, which uses it again.
type fastExchange struct {
	exchange
	request  *fastlane.Request
	outgoing http1.Outgoing // to the tenant
	broken   bool           // nothing can be sent to the client any more
	closes   bool           // the response says that the connection is closed
	stalled  bool           // because a write exceeded its limit
}

// ServeFast implements fastlane.Handler. It leaves to the other lane allowed requests
// for the API or for a tenant on https or h2c, and every request whose body is too long
// for Request.Body or does not arrive at once.
func (g *Gateway) ServeFast(r *fastlane.Request) fastlane.Outcome {
	g.running.Add(1)
	defer g.running.Add(-1)
	x, ok := r.State.(*fastExchange)
	if !ok {
		x = newFastExchange()
		r.State = x
	}
	x.request = r
	x.outgoing.Canceler = &r.Canceler
	x.begin(g)
	outcome := x.serve()
	x.exchange = exchange{} // nothing of it is for the next request
	x.request, x.broken, x.closes, x.stalled = nil, false, false, false
	x.outgoing.Reset()
	return outcome
}

func newFastExchange() *fastExchange {
	x := new(fastExchange)
	out := &x.outgoing
	out.Context, out.Watch, out.Informational = context.Background(), x.watchClient, x.sendInformational
	out.BeforeWait = func() { x.flush() }
	return x
}

// begin starts the exchange of the request. It sets single fields: a connection's stack has
// to hold whole values, and is the most of what the connection needs while it is idle.
func (x *fastExchange) begin(g *Gateway) {
	head, in := &x.request.Head, &x.in
	in.Fields, in.Method, in.URI, in.Host, in.Length = head, head.Method, head.Target, head.Host, head.Length
	in.HTTP1, in.Minor, in.TLS, in.Peer = true, 1, x.request.TLS, x.request.Peer
	in.ParseTarget()
	x.exchange.begin(g)
}

func (x *fastExchange) serve() (outcome fastlane.Outcome) {
	defer func() {
		if outcome != fastlane.OtherLane {
			x.end()
		}
	}()
	own := x.judge(context.Background())
	body, ok := x.request.Body()
	if !ok || own == nil && (x.API || x.tenant.upstream.Plain() == nil) {
		return fastlane.OtherLane
	}
	if own != nil {
		x.send(own)
	} else {
		x.Received = int64(len(body))
		x.forward(body)
	}
	if x.Cut || x.closes {
		return fastlane.CloseNow
	}
	return fastlane.KeepOpen
}

// end reports the exchange, which was cut if serve panicked.
func (x *fastExchange) end() {
	x.measure()
	x.setLimitOfCut(x.stalled, x.request.Conn.IsAborted())
	x.observe()
}

// mustClose reports whether the connection ends with the response.
func (x *fastExchange) mustClose() bool { return x.request.Head.Close || x.gateway.closing.Load() }

// watchClient returns an error if the client is gone, or the server aborts its
// requests.
func (x *fastExchange) watchClient() error {
	if x.broken || x.request.Conn.IsAborted() || x.request.Conn.IsGone() {
		return upstream.ErrClientGone
	}
	return nil
}

// send sends a response of the gateway itself.
func (x *fastExchange) send(own *ownResponse) {
	out := fastlane.AppendStatus(x.request.Out[:0], own.status, http.StatusText(own.status))
	for _, f := range own.fields {
		out = fastlane.AppendField(out, f.Name, f.Values[0])
	}
	out = x.appendOwnFields(out, nil)
	out = fastlane.AppendField(out, "Date", x.gateway.date.At(x.Start))
	if own.body != nil {
		out = fastlane.AppendLength(out, int64(len(own.body)))
	}
	out = append(out, "\r\n"...)
	if x.Method != http.MethodHead {
		out = append(out, own.body...)
		x.sent = int64(len(own.body))
	}
	x.status = own.status
	x.Cut = !x.write(out)
}

// appendOwnFields appends what the gateway adds to every response; vary are the lines
// of Vary that it came with.
func (x *fastExchange) appendOwnFields(out []byte, vary []string) []byte {
	var room [4]field
	for _, f := range x.corsFields(room[:0], vary) {
		out = fastlane.AppendField(out, f.Name, f.Values[0])
	}
	if x.closes = x.mustClose(); x.closes {
		out = append(out, "Connection: close\r\n"...)
	}
	return out
}

// write sends bytes to the client, unless an earlier write failed, and empties Out.
func (x *fastExchange) write(out []byte) bool {
	if !x.broken {
		err := x.request.Write(out, x.settings.Timeouts.Progress)
		x.broken, x.stalled = err != nil, errors.Is(err, os.ErrDeadlineExceeded)
	}
	x.request.Out = out[:0]
	return !x.broken
}
