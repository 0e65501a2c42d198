package proxy

import (
	"context"
	"net/http"

	"originwarden/origins"
	"originwarden/origins/explain"
	"originwarden/proxy/request"
)

// Explanation is what the gateway would do with a request, and why.
type Explanation struct {
	Answer
	// Explained explains the decision. It has no Steps if there was none, because the
	// request is not one for a tenant.
	Explained explain.Explanation
}

// Explain returns what the gateway would do with r, which has its host and a
// RequestURI. Nothing is forwarded, counted or observed.
func (g *Gateway) Explain(ctx context.Context, r *http.Request) Explanation {
	used := &usedList{lists: g.lists}
	x := &exchange{in: request.Of(r)}
	x.read(g)
	x.gateway = &Gateway{lists: used}
	e := Explanation{Answer: x.answer(x.judge(ctx))}
	if x.Decision != "" {
		e.Explained = explain.Decision(x.policy(), &x.decided, used.list)
	}
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
