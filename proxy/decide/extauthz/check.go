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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz/wire"
)

var errUnknownService = status.Error(codes.NotFound, "unknown service")

// serviceName is that of Envoy's service, which has one method.
const serviceName = "envoy.service.auth.v3.Authorization"

var service = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Check", Handler: check}},
	Metadata:    "envoy/service/auth/v3/external_auth.proto",
}

// check is the method Check, without interceptors.
func check(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var asked question
	if err := decode(&asked); err != nil {
		return nil, err
	}
	return server.(*authorization).check(ctx, &asked)
}

// authorization is Envoy's service Authorization.
type authorization struct{ config Config }

// check answers a question. Envoy treats an error as it is configured to, and everything
// else as this answer says. A call that has ended gets no answer.
func (s *authorization) check(ctx context.Context, asked *question) (answer *wire.CheckResponse, err error) {
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
	return respond(&a), nil
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
func (s *authorization) reject(asked *question, start time.Time, p *decide.Problem) *wire.CheckResponse {
	lines := linesOf(&asked.CheckRequest)
	id, _ := envelope.ParseTraceparent((&header{names: lines.Names, values: lines.Values}).Values("Traceparent"))
	path, _, _ := strings.Cut(asked.Path, "?")
	a := p.Answer(proxy.Exchange{Method: asked.Method, Path: path, Client: clientaddr.Parse(asked.Source), TraceID: id, Start: start})
	answer := respond(&a)
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
