package extauthz

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"originwarden/proxy"
	"originwarden/proxy/decide"
)

var errUnknownService = status.Error(codes.NotFound, "unknown service")

// authorization implements authv3.AuthorizationServer.
type authorization struct {
	authv3.UnimplementedAuthorizationServer
	config   Config
	metadata metadata
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
		return s.reject(asked, start, decide.Invalid(err)), nil
	}
	a := s.config.Decider.Decide(ctx, r)
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return s.respond(&a), nil
}

// panicked returns the problem of a decision that has panicked. Its stack is for the
// operator.
func panicked(why any) *decide.Problem {
	return &decide.Problem{
		Status: http.StatusInternalServerError, Code: "INTERNAL_ERROR", Title: "Internal error",
		Detail: "The gateway failed to decide.",
		Err:    fmt.Errorf("deciding: panic: %v\n%s", why, debug.Stack()),
	}
}

// reject returns the answer to a question without a decision, and reports it.
func (s *authorization) reject(asked *authv3.AttributeContext, start time.Time, p *decide.Problem) *authv3.CheckResponse {
	about := asked.GetRequest().GetHttp()
	path, _, _ := strings.Cut(about.GetPath(), "?")
	a := p.Answer(proxy.Exchange{Method: about.GetMethod(), Path: path, Client: clientOf(asked), Start: start})
	answer := s.respond(&a)
	s.observe(&a.Exchange)
	return answer
}

// observe reports what has been answered. It may be what has panicked when the decision
// was observed, and the answer must not depend on it.
func (s *authorization) observe(x *proxy.Exchange) {
	defer func() {
		if why := recover(); why != nil {
			cmp.Or(s.config.ErrorLog, log.Default()).Printf("panic observing a question: %v, after %v\n%s", why, x.Err, debug.Stack())
		}
	}()
	if s.config.Observe != nil {
		s.config.Observe(x)
	}
}
