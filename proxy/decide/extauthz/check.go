package extauthz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/cors"
)

var errUnknownService = status.Error(codes.NotFound, "unknown service")

// authorization implements authv3.AuthorizationServer.
type authorization struct {
	authv3.UnimplementedAuthorizationServer
	config Config
}

// Check answers a question. Envoy treats an error as it is configured to, and everything
// else as this answer says. A call that has ended gets no answer.
func (s *authorization) Check(ctx context.Context, question *authv3.CheckRequest) (answer *authv3.CheckResponse, err error) {
	asked := question.GetAttributes()
	start := time.Now()
	defer func() {
		// gRPC would end the process.
		if why := recover(); why != nil {
			answer, err = s.reject(asked, start, panicked(why)), nil
		}
	}()
	r, err := read(asked)
	if err != nil {
		return s.reject(asked, start, invalid(err)), nil
	}
	a := s.config.Decider.Decide(ctx, r)
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return respond(&a), nil
}

// problem is why there is no decision.
type problem struct {
	status              int
	code, title, detail string
	err                 error // for the operator
}

func invalid(err error) *problem {
	return &problem{
		status: http.StatusBadRequest, code: "QUESTION_INVALID", title: "Question invalid",
		detail: "The proxy's question cannot be read: " + err.Error() + ".",
		err:    fmt.Errorf("reading Envoy's question: %w", err),
	}
}

func panicked(why any) *problem {
	return &problem{
		status: http.StatusInternalServerError, code: "INTERNAL_ERROR", title: "Internal error",
		detail: "The gateway failed to decide.",
		err:    errors.New(fmt.Sprint("deciding: panic: ", why, "\n", string(debug.Stack()))),
	}
}

// reject returns the answer to a question without a decision, and reports it.
func (s *authorization) reject(asked *authv3.AttributeContext, start time.Time, p *problem) *authv3.CheckResponse {
	http := asked.GetRequest().GetHttp()
	id := envelope.NewTraceID()
	took := time.Since(start)
	path, _, _ := strings.Cut(http.GetPath(), "?")
	a := proxy.Answer{
		Status: p.status,
		Header: []cors.Field{{Name: "Cache-Control", Values: []string{"no-store"}}, {Name: "Content-Type", Values: []string{"application/json"}}},
		Body:   envelope.Encode(id, p.status, envelope.Error{Code: p.code, Title: p.title, Detail: p.detail}),
	}
	a.Exchange = proxy.Exchange{
		Verdict: origins.Refused, Reason: strings.ToLower(p.code), Method: http.GetMethod(), Path: path,
		Client: clientaddr.Parse(asked.GetSource().GetAddress().GetSocketAddress().GetAddress()), TraceID: id,
		Status: p.status, Sent: int64(len(a.Body)), Start: start, Duration: took, ResponseTime: took, GatewayTime: took,
		Asked: true, Err: p.err,
	}
	if s.config.Observe != nil {
		s.config.Observe(&a.Exchange)
	}
	return respond(&a)
}
