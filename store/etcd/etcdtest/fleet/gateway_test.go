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
	storeTimeout   = 5 * time.Second  // of a call, by default
	clientPatience = 10 * time.Second // far more than a call takes
)

// gateway is one of the fleet, as a process and as its clients see it.
type gateway struct {
	name          string
	listen, admin string
	relays        []*relay // to the members
	process       *process
	clients       *http.Client // goes there, whatever the host

	mu      sync.Mutex
	runs    int           // how often it was started; negative while it is not ready
	trouble int           // what troubles it now
	known   time.Time     // when something last began or ceased to trouble it
	age     time.Duration // the greatest of its lists, as it says itself
}

func (g *gateway) connect() {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.listen)
		},
		MaxIdleConnsPerHost: 64,
	}
	g.clients = &http.Client{Transport: transport, Timeout: clientPatience}
}

// api is that of one tenant.
func (g *gateway) api(tenant string) *client.Client {
	return &client.Client{Server: "http://" + tenant + ".test", Token: token, HTTPClient: g.clients, MaxWait: -1}
}

func (g *gateway) start() error {
	if err := g.process.start(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.runs, g.known = 1-g.runs, time.Now()
	return nil
}

func (g *gateway) kill() {
	g.mu.Lock()
	g.runs = -g.runs
	g.mu.Unlock()
	g.process.kill()
}

// run tells the runs of the gateway apart; it is not positive while there is none.
func (g *gateway) run() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.runs
}

// troubled says that something begins to trouble the gateway, or ceases to.
func (g *gateway) troubled(is bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = time.Now()
	if g.trouble--; is {
		g.trouble += 2
	}
}

// calm returns since when nothing has troubled the gateway.
func (g *gateway) calm() (since time.Time, is bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.trouble == 0 && g.runs > 0
}

// aged takes note of how long ago the lists were the store's.
func (g *gateway) aged(now time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.age = max(g.age, now)
}

// oldest returns the greatest age since it was asked last.
func (g *gateway) oldest() (age time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	age, g.age = g.age, 0
	return age
}

// readiness is what /readyz says.
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
	asked, answered time.Time
}

// confirmed is a time at which the lists were the store's, as the gateway says;
// it may have been a little later.
func (r *readiness) confirmed() time.Time {
	if r.Age == nil {
		return time.Time{}
	}
	return r.asked.Add(-time.Duration(*r.Age * float64(time.Second)))
}

func (g *gateway) readiness() (r readiness, err error) {
	r.asked = time.Now()
	answer, err := operators().Get("http://" + g.admin + "/readyz")
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	err = json.NewDecoder(answer.Body).Decode(&r)
	r.answered = time.Now()
	return r, err
}

func operators() *http.Client { return &http.Client{Timeout: clientPatience} }

// question is how a client asks whether an origin is allowed.
type question int

const (
	plain     question = iota // by a request
	ofOne                     // and by one that names its web integration
	preflight                 // and by a preflight
	questions
)

// allows asks whether an origin may talk to a tenant, on behalf of one web
// integration or of none.
func (g *gateway) allows(how question, tenant, id, origin string) (bool, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+tenant+".test/", nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Origin", origin)
	switch how {
	case ofOne:
		r.Header.Set("qlik-web-integration-id", id)
	case preflight:
		r.Method = http.MethodOptions
		r.Header.Set("Access-Control-Request-Method", http.MethodPut)
	}
	answer, err := g.clients.Do(r)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	shared := answer.Header.Get("Access-Control-Allow-Origin")
	switch {
	case err != nil:
		return false, err
	case answer.StatusCode < 300 && shared == origin:
		return true, nil
	case answer.StatusCode == http.StatusForbidden && shared == "":
		return false, nil
	}
	return false, fmt.Errorf("it answers %s, shared with %q: %s", answer.Status, shared, body)
}

// outcome is what became of a write.
type outcome int

const (
	done    outcome = iota
	failed          // it was refused, and the error is the caller's to judge
	unknown         // it may have happened
	unsent          // it has not
)

// outcomeOf tells it by the error of a call.
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
