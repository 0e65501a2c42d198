package migrate_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A deployment is a browser, an edge, a gateway and an application.
type deployment struct {
	application    *application
	gateway        *gateway
	edge           *edge
	configurations []string // of the edge, with the addresses of this test
	browser        context.Context
	client         *http.Client // connects to the edge

	configuration int // index of the edge's configuration
	mode          string
}

// startDeployment starts all of them, with the edge's first configuration.
func startDeployment(t *testing.T, product product, configurations []string) *deployment {
	t.Helper()
	config := readSection(t, "## Behind the edge")[0].text
	d := &deployment{application: startApplication(t), mode: "report"}
	d.gateway = startGateway(t, config, d.application.address)
	addresses := strings.NewReplacer("127.0.0.1:3000", d.application.address, "127.0.0.1:8080", d.gateway.listen)
	for _, configuration := range configurations {
		d.configurations = append(d.configurations, addresses.Replace(configuration))
	}
	pages, certificate := startPages(t)
	d.edge = startEdge(t, product, certificate, d.configurations[0])
	api := net.JoinHostPort("127.0.0.1", d.edge.port)
	d.client = newClient(api)
	for limit := newDeadline(); d.state(t) == (state{}); {
		if limit.passed() {
			t.Fatal("the edge does not respond")
		}
	}
	d.browser = startBrowser(t, api, pages)
	return d
}

// newClient returns a client that opens a new connection to address for each request,
// whatever the URL is.
func newClient(address string) *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the certificate is for another name
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// listOrigins lists origins by the gateway's API.
func (d *deployment) listOrigins(t *testing.T, origins ...string) {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), "POST", "http://api.example.com/api/v1/web-integrations",
		strings.NewReader(`{"name":"shop","validOrigins":["`+strings.Join(origins, `","`)+`"]}`))
	request.Header.Set("Authorization", "Bearer "+d.gateway.token(t))
	request.Header.Set("Content-Type", "application/json")
	response, err := newClient(d.gateway.listen).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("listing %q: %s", origins, response.Status)
	}
}

// applyStep makes the changes of a step, always reloads the edge, and waits until the
// changes take effect.
func (d *deployment) applyStep(t *testing.T, step step) {
	t.Helper()
	d.application.rules.Store(step.rules)
	if d.mode != step.mode {
		d.gateway.setMode(t, step.mode)
		d.mode = step.mode
	}
	if d.configuration != step.edge {
		d.edge.write(t, d.configurations[step.edge])
		d.configuration = step.edge
	}
	d.edge.reloadNow(t)
	d.waitForState(t, step.want)
}

// A state describes the responses to a listed page, and whether others are refused.
type state struct {
	Gateway             bool   // whether requests pass through it
	Preflights, Headers string // what answers preflights and sets CORS headers
	Refuses             bool
}

// attempts says what works for a page.
type attempts struct{ Get, Put, Socket bool }

// waitForState waits until the deployment is in a state. It reloads the edge again after
// some time, because HAProxy ignores a signal during its own restart.
func (d *deployment) waitForState(t *testing.T, want state) {
	t.Helper()
	var got state
	nextReload := time.Now().Add(time.Second)
	for limit := newDeadline(); !limit.passed(); {
		if got = d.state(t); got == want {
			return
		}
		if time.Now().After(nextReload) {
			d.edge.reloadNow(t)
			nextReload = time.Now().Add(2 * time.Second)
		}
	}
	t.Fatalf("state %+v, want %+v", got, want)
}

// state returns the zero state if the edge does not respond, as during its start. An
// outage later would fail the requests of the listed page.
func (d *deployment) state(t *testing.T) state {
	t.Helper()
	preflight, _ := d.sendRequest(t, "OPTIONS", shop)
	actual, body := d.sendRequest(t, "GET", shop)
	other, _ := d.sendRequest(t, "GET", staging)
	if preflight == nil || actual == nil || other == nil {
		return state{}
	}
	var order order
	json.Unmarshal(body, &order)
	return state{
		Gateway:    order.Gateway,
		Preflights: source(preflight.Header.Get("Cache-Control") == "no-store"),
		Headers:    source(strings.Contains(actual.Header.Get("Access-Control-Expose-Headers"), "qlik-csrf-token")),
		Refuses:    other.StatusCode == http.StatusForbidden,
	}
}

func source(gateway bool) string {
	if gateway {
		return "the gateway's"
	}
	return "the rules'"
}

// deadline is the time until which a test waits.
type deadline time.Time

func newDeadline() deadline { return deadline(time.Now().Add(20 * time.Second)) }

func (d deadline) passed() bool { return time.Now().After(time.Time(d)) }

// sendRequest sends a request as a page of an origin does, with the cookie. It returns nil
// if there is no response.
func (d *deployment) sendRequest(t *testing.T, method, origin string) (*http.Response, []byte) {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), method, "https://api.example.com/orders/0", nil)
	request.Header.Set("Origin", origin)
	request.Header.Set("Cookie", "session=s1")
	if method == http.MethodOptions {
		request.Header.Set("Access-Control-Request-Method", "PUT")
	}
	response, err := d.client.Do(request)
	if err != nil {
		return nil, nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response, body
}
