package proxy

import (
	"context"
	"net/http"

	"originwarden/origins"
	"originwarden/origins/explain"
	"originwarden/proxy/cors"
	"originwarden/proxy/request"
)

// Explanation is what the gateway would do with a request.
type Explanation struct {
	// Exchange has what is known when the request would be answered or forwarded.
	Exchange
	// Explained explains the decision. It has no Steps if there was none, because the
	// request is not one for a tenant.
	Explained explain.Explanation
	// Forwards says that the request would be forwarded to the tenant or to the API.
	Forwards bool
	// KeepsCORS says that the CORS headers of the tenant's response would be kept.
	KeepsCORS bool
	// Status is that of the gateway's own response; 0 if it Forwards.
	Status int
	// Header has the fields of the gateway's own response, or those that it would set
	// in the response to a request that it Forwards.
	Header []cors.Field
	// Body is that of the gateway's own response.
	Body []byte
}

// Explain returns what the gateway would do with r, which has its host and a
// RequestURI. Nothing is forwarded, counted or observed.
func (g *Gateway) Explain(ctx context.Context, r *http.Request) Explanation {
	used := &usedList{lists: g.lists}
	x := &exchange{in: request.Of(r)}
	x.read(g)
	x.gateway = &Gateway{lists: used}
	own := x.judge(ctx)
	e := Explanation{Exchange: x.Exchange, Forwards: own == nil, KeepsCORS: own == nil && x.cors == cors.Kept}
	if x.Decision != "" {
		e.Explained = explain.Decision(x.policy(), &x.decided, used.list)
	}
	if own != nil {
		e.Status, e.Header, e.Body = own.status, own.fields, own.body
	}
	e.Header = x.corsFields(e.Header, nil)
	return e
}

// usedList keeps the list that a decision has used.
type usedList struct {
	lists Lists
	list  *origins.List // nil: none, or it was unavailable
}

// List implements Lists.
func (u *usedList) List(ctx context.Context, tenant string) (*origins.List, error) {
	list, err := u.lists.List(ctx, tenant)
	u.list = list
	return list, err
}
