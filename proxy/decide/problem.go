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
)

// problem is why there is no request to decide on.
type problem struct {
	status              int
	code, title, detail string
	err                 error // for the operator
}

var notFound = &problem{
	status: http.StatusNotFound, code: "NOT_FOUND", title: "Not found",
	detail: "Proxies ask for decisions here: " + Path + " is the path, and in the dialect envoy the prefix of the path.",
	err:    errors.New("the path is not one of questions"),
}

// invalid returns the problem of a question with a mistake, which is that of the proxy's
// configuration, or of its client.
func invalid(err error) *problem {
	return &problem{
		status: http.StatusBadRequest, code: "QUESTION_INVALID", title: "Question invalid",
		detail: "The proxy's question cannot be read: " + err.Error() + ".",
		err:    fmt.Errorf("reading the proxy's question: %w", err),
	}
}

// reject answers r, which is no question, and reports it.
func (h *Handler) reject(w http.ResponseWriter, r *http.Request, start time.Time, p *problem) {
	id, ok := envelope.ParseTraceparent(r.Header.Values("Traceparent"))
	if !ok {
		id = envelope.NewTraceID()
	}
	reason := strings.ToLower(p.code)
	body := envelope.Encode(id, p.status, envelope.Error{Code: p.code, Title: p.title, Detail: p.detail})
	rejection := answer{p.status, appendVerdict(nil, origins.Refused, reason), body}
	rejection.add("Cache-Control", []string{"no-store"})
	rejection.add("Content-Type", []string{"application/json"})
	rejection.write(w)
	if h.config.Observe == nil {
		return
	}
	took := time.Since(start)
	h.config.Observe(&proxy.Exchange{
		Verdict: origins.Refused, Reason: reason, Method: r.Method, Path: r.URL.EscapedPath(), Client: clientaddr.Parse(r.RemoteAddr), TraceID: id,
		Status: p.status, Sent: int64(len(body)), Start: start, Duration: took, ResponseTime: took, GatewayTime: took, Asked: true, Err: p.err,
	})
}
