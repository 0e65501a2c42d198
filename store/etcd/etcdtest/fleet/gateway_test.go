//go:build linux

package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"originwarden/api/client"
)

const (
	storeTimeout  = 5 * time.Second  // the default
	clientTimeout = 10 * time.Second // much longer than a call takes
)

// gateway is a gateway of the fleet: its process and a client.
type gateway struct {
	name          string
	listen, admin string
	relays        []*relay // to the members
	process       *process
	clients       *http.Client // connects to the gateway for every host

	mu          sync.Mutex
	runs        int           // number of starts; not positive while it is not ready
	faults      int           // number of current faults that affect it
	lastFault   time.Time     // when a fault last began or ended
	greatestAge time.Duration // greatest reported age of its lists
}

func (g *gateway) connect() {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.listen)
		},
		MaxIdleConnsPerHost: 64,
	}
	g.clients = &http.Client{Transport: transport, Timeout: clientTimeout}
}

// api returns a client of the API for one tenant.
func (g *gateway) api(tenant string) *client.Client {
	return &client.Client{Server: "http://" + tenant + ".test", Token: token, HTTPClient: g.clients, MaxWait: -1}
}

func (g *gateway) start() error {
	if err := g.process.start(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.runs, g.lastFault = 1-g.runs, time.Now()
	return nil
}

func (g *gateway) kill() {
	g.mu.Lock()
	g.runs = -g.runs
	g.mu.Unlock()
	g.process.kill()
}

// run returns the number of the current run. It is not positive while the gateway is not
// ready.
func (g *gateway) run() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.runs
}

// setFault records that a fault that affects the gateway begins or ends.
func (g *gateway) setFault(begins bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastFault = time.Now()
	if g.faults--; begins {
		g.faults += 2
	}
}

// undisturbed returns when a fault last began or ended, and whether the gateway is ready
// and has no fault.
func (g *gateway) undisturbed() (since time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lastFault, g.faults == 0 && g.runs > 0
}

// recordAge records the age of the lists, the time since they were last confirmed.
func (g *gateway) recordAge(age time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.greatestAge = max(g.greatestAge, age)
}

// maxAge returns the greatest age recorded since the last call.
func (g *gateway) maxAge() (age time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	age, g.greatestAge = g.greatestAge, 0
	return age
}

// readiness is the response of /readyz.
type readiness struct {
	Ready    bool
	Revision uint64
	Age      *float64
	Problem  string
	Store    struct {
		Up       bool
		Identity string
		Revision uint64
	}
	sent, received time.Time
}

// confirmed returns the time at which the lists were last confirmed. The true time may
// be a little later.
func (r *readiness) confirmed() time.Time {
	if r.Age == nil {
		return time.Time{}
	}
	return r.sent.Add(-time.Duration(*r.Age * float64(time.Second)))
}

func (g *gateway) readiness() (r readiness, err error) {
	r.sent = time.Now()
	response, err := adminClient().Get("http://" + g.admin + "/readyz")
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&r)
	r.received = time.Now()
	return r, err
}

func adminClient() *http.Client { return &http.Client{Timeout: clientTimeout} }

// requestKind is the kind of a request that shows whether an origin is allowed.
type requestKind int

const (
	actual    requestKind = iota // an actual request
	withID                       // an actual request with the id of the web integration
	preflight                    // a preflight
	requestKinds
)

// isAllowed sends a request and reports whether the gateway allows the origin, for the
// web integration id with withID.
func (g *gateway) isAllowed(kind requestKind, tenant, id, origin string) (bool, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+tenant+".test/", nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Origin", origin)
	switch kind {
	case withID:
		r.Header.Set("qlik-web-integration-id", id)
	case preflight:
		r.Method = http.MethodOptions
		r.Header.Set("Access-Control-Request-Method", http.MethodPut)
	}
	response, err := g.clients.Do(r)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	allowedOrigin := response.Header.Get("Access-Control-Allow-Origin")
	switch {
	case err != nil:
		return false, err
	case response.StatusCode < 300 && allowedOrigin == origin:
		return true, nil
	case response.StatusCode == http.StatusForbidden && allowedOrigin == "":
		return false, nil
	}
	return false, fmt.Errorf("response %s with allowed origin %q: %s", response.Status, allowedOrigin, body)
}

// outcome is the outcome of a call.
type outcome int

const (
	done    outcome = iota
	failed          // refused; the caller checks the error
	unknown         // the write may have been made
	unsent          // the write was not made
)

// outcomeOf returns the outcome of a call with this error.
func outcomeOf(err error) outcome {
	if err == nil {
		return done
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return unsent
	}
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status != http.StatusServiceUnavailable {
		return failed
	}
	return unknown
}
