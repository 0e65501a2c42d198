package decide

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/cors"
)

// Problem is why there is no decision on a question.
type Problem struct {
	Status              int
	Code, Title, Detail string // of the error document
	Err                 error  // for the operator
}

var notFound = &Problem{
	Status: http.StatusNotFound, Code: "NOT_FOUND", Title: "Not found",
	Detail: "Proxies ask for decisions here: " + Path + " is the path, and in the dialect envoy the prefix of the path.",
	Err:    errors.New("the path is not one of questions"),
}

// Invalid returns the problem of a question with a mistake, which is that of the proxy's
// configuration, or of its client.
func Invalid(err error) *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Code: "QUESTION_INVALID", Title: "Question invalid",
		Detail: "The proxy's question cannot be read: " + err.Error() + ".",
		Err:    fmt.Errorf("reading the proxy's question: %w", err),
	}
}

// Answer returns the answer to a question without a decision. about is the exchange with
// what is known of it: Method, Path, Client, Start, and TraceID, which is made if it is "".
func (p *Problem) Answer(about proxy.Exchange) proxy.Answer {
	if about.TraceID == "" {
		about.TraceID = envelope.NewTraceID()
	}
	body := envelope.Encode(about.TraceID, p.Status, envelope.Error{Code: p.Code, Title: p.Title, Detail: p.Detail})
	took := time.Since(about.Start)
	about.Verdict, about.Reason, about.Err, about.Asked = origins.Refused, strings.ToLower(p.Code), p.Err, true
	about.Status, about.Sent = p.Status, int64(len(body))
	about.Duration, about.ResponseTime, about.GatewayTime = took, took, took
	return proxy.Answer{
		Exchange: about, Status: p.Status, Body: body,
		Header: []cors.Field{{Name: "Cache-Control", Values: []string{"no-store"}}, {Name: "Content-Type", Values: []string{"application/json"}}},
	}
}

// reject answers r, which is no question, and reports it.
func (h *Handler) reject(w http.ResponseWriter, r *http.Request, start time.Time, p *Problem) {
	id, _ := envelope.ParseTraceparent(r.Header.Values("Traceparent"))
	a := p.Answer(proxy.Exchange{Method: r.Method, Path: r.URL.EscapedPath(), Client: clientaddr.Parse(r.RemoteAddr), TraceID: id, Start: start})
	rejection := answer{a.Status, appendVerdict(a.Header, a.Verdict, a.Reason), a.Body}
	rejection.write(w)
	if h.config.Observe != nil {
		h.config.Observe(&a.Exchange)
	}
}
