package proxy

import (
	"context"
	"net/http"

	"originwarden/proxy/cors"
	"originwarden/proxy/request"
)

// Answer is what the gateway does with a request: its own response, or what it would add
// to the tenant's.
type Answer struct {
	// Exchange has what is known when the request would be answered or forwarded.
	Exchange
	// Forwards says that the request may pass to the tenant or to the API.
	Forwards bool
	// KeepsCORS says that the CORS headers of the tenant's response are kept.
	KeepsCORS bool
	// DropsCredentials says that the tenant and the client get no credentials of each
	// other: Cookie and Authorization of the request, Set-Cookie of the response.
	DropsCredentials bool
	// Status is that of the gateway's own response; 0 if it Forwards.
	Status int
	// Header has the fields of the gateway's own response, or those that are set in the
	// response to a request that it Forwards, in place of all others of their names.
	Header []cors.Field
	// Body is that of the gateway's own response.
	Body []byte
}

// Decide answers another proxy, which has received the request r, and forwards it or
// sends the Answer's response itself. The same lists and modes and the same limit of the
// URL hold as for a request to the gateway. That of bodies holds only if r has the length,
// and those of time, rates and connections are the other proxy's. It is observed as a
// request to the gateway is, as Asked; of a request that Forwards, the status is 200,
// because the tenant's is not known.
func (g *Gateway) Decide(ctx context.Context, r request.Request) Answer {
	g.running.Add(1)
	defer g.running.Add(-1)
	x := &exchange{in: r}
	x.begin(g)
	x.Asked, x.Cut = true, false
	a := x.answer(x.judge(ctx))
	x.status, x.sent = a.Status, int64(len(a.Body))
	if a.Forwards {
		x.status = http.StatusOK
	}
	x.measure()
	x.observe()
	return a
}

// answer returns the answer with a response of the gateway itself, or of a request that
// is to be forwarded if own is nil.
func (x *exchange) answer(own *ownResponse) Answer {
	a := Answer{Exchange: x.Exchange, Forwards: own == nil, KeepsCORS: own == nil && x.cors == cors.Kept, DropsCredentials: own == nil && x.dropsCredentials()}
	if own != nil {
		a.Status, a.Header, a.Body = own.status, own.fields, own.body
	}
	a.Header = x.corsFields(a.Header, nil)
	return a
}
