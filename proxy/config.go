package proxy

import (
	"context"
	"log"
	"net/netip"
	"time"

	"originwarden/origins"
	"originwarden/proxy/cors"
	"originwarden/proxy/fields"
	"originwarden/proxy/request"
)

// Lists provides the lists of the configured tenants, within a time limit of its
// own. Call Gateway.ListChanged after every change of a list.
type Lists interface {
	List(ctx context.Context, tenant string) (*origins.List, error)
}

// Config configures a Gateway. It is not changed after New or Reconfigure.
type Config struct {
	Tenants []Tenant
	// Directory has more tenants, with other ids and hosts; it may be nil. Its answers
	// do not change, except for the UpstreamTLS of a tenant: see Gateway.RenewTLS.
	Directory Directory
	// Lists has the list of every tenant. Reconfigure does not read it.
	Lists Lists
	CORS  CORS // of the tenants that have none of their own
	// OnLoopback says that the gateway listens on a loopback address alone, which
	// pages reach by DNS rebinding.
	OnLoopback bool
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto count.
	TrustedProxies []netip.Prefix
	// PrivateCookies are names of cookies of the gateway's own pages, which no tenant
	// gets.
	PrivateCookies fields.PrivateCookies
	// URLBytes is the longest request target that is answered; 0 is no limit.
	URLBytes int
	// BodyBytes is the largest body of a request; 0 is no limit.
	BodyBytes int64
	// InFlightPerTenant is how many requests a tenant answers at once, without
	// tunnels; 0 is no limit.
	InFlightPerTenant int
	Timeouts          Timeouts
	// OnEnd is called once for every exchange, when it has ended. It must not keep
	// the Exchange. It may be nil.
	OnEnd func(*Exchange)
	// OnOpen is called for a tunnel when the response to its handshake was sent. It
	// must not keep the Exchange. It may be nil.
	OnOpen func(*Exchange)
	// OnRelay is called for bytes that a tunnel has passed on, with how many came
	// from the client and from the tenant. It must not block. It may be nil.
	OnRelay func(tenant string, received, sent int)
	// Trace returns the trace of a request, when that begins. It must not keep the
	// Request. An exchange that it is called for may begin again, in the other lane.
	// If it is nil, the gateway forwards a valid traceparent, or begins a trace.
	Trace func(*request.Request) Trace
	// Sampled is the share of the traces that the gateway begins that are marked as
	// sampled, from 0 to 1.
	Sampled float64
	// ErrorLog is where httputil reports broken connections, which nil discards, and
	// where panics of tunnels are reported, for which nil is the logger of package log.
	ErrorLog *log.Logger
}

// CORS is what allowed responses say to browsers.
type CORS = cors.Config

// Timeouts of an exchange; 0 is none.
type Timeouts struct {
	// Progress is how long one read of a request's body, and one write of a
	// response, may take.
	Progress time.Duration

	Connect  time.Duration // for connecting
	Response time.Duration // from the request's last byte to the response's header
	Idle     time.Duration // a connection kept for the next request

	WebSocketIdle     time.Duration // a tunnel through which nothing passes
	WebSocketLifetime time.Duration // a tunnel, from its handshake on
}
