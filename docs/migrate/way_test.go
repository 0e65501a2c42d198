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

// A way is a browser, an edge, a gateway and an application.
type way struct {
	application    *application
	gateway        *gateway
	edge           *edge
	configurations []string // of the edge, with the addresses of this test
	browser        context.Context
	client         *http.Client // that goes through the edge

	configuration int // that the edge has
	mode          string
}

// newWay starts all of it, with the edge's first configuration.
func newWay(t *testing.T, product product, configurations []string) *way {
	t.Helper()
	config := readSection(t, "## Behind the edge")[0].text
	w := &way{application: startApplication(t), mode: "report"}
	w.gateway = startGateway(t, config, w.application.address)
	addresses := strings.NewReplacer("127.0.0.1:3000", w.application.address, "127.0.0.1:8080", w.gateway.listen)
	for _, configuration := range configurations {
		w.configurations = append(w.configurations, addresses.Replace(configuration))
	}
	pages, certificate := startPages(t)
	w.edge = startEdge(t, product, certificate, w.configurations[0])
	api := net.JoinHostPort("127.0.0.1", w.edge.port)
	w.client = clientOf(api)
	for until := deadline(); w.state(t) == (state{}); {
		if until.passed() {
			t.Fatal("the edge does not answer")
		}
	}
	w.browser = startBrowser(t, api, pages)
	return w
}

// clientOf returns a client whose requests have connections of their own to an
// address, whatever their URLs are.
func clientOf(address string) *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the certificate is for another name
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// list lists an origin by the API, which is at the gateway.
func (w *way) list(t *testing.T, origin string) {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), "POST", "http://api.example.com/api/v1/web-integrations",
		strings.NewReader(`{"name":"shop","validOrigins":["`+origin+`"]}`))
	request.Header.Set("Authorization", "Bearer "+w.gateway.token(t))
	request.Header.Set("Content-Type", "application/json")
	answer, err := clientOf(w.gateway.listen).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("listing %s: %s", origin, answer.Status)
	}
}

// take changes what a step changes, has the edge reload in any case, and waits
// until it can be seen.
func (w *way) take(t *testing.T, step step) {
	t.Helper()
	w.application.rules.Store(step.rules)
	if w.mode != step.mode {
		w.gateway.setMode(t, step.mode)
		w.mode = step.mode
	}
	if w.configuration != step.edge {
		w.edge.write(t, w.configurations[step.edge])
		w.configuration = step.edge
	}
	w.edge.reloadNow(t)
	w.await(t, step.want)
}

// A state is what a listed page meets, and whether others are refused.
type state struct {
	Gateway             bool   // the application is reached through it
	Preflights, Headers string // whose they are
	Refuses             bool
}

// attempts are what works for a page.
type attempts struct{ Get, Put, Socket bool }

// await waits until the way is in a state. It has the edge reload again after a
// while: HAProxy loses a signal that comes while it starts anew.
func (w *way) await(t *testing.T, want state) {
	t.Helper()
	var got state
	again := time.Now().Add(time.Second)
	for until := deadline(); !until.passed(); {
		if got = w.state(t); got == want {
			return
		}
		if time.Now().After(again) {
			w.edge.reloadNow(t)
			again = time.Now().Add(2 * time.Second)
		}
	}
	t.Fatalf("the way is %+v, want %+v", got, want)
}

// state returns the zero one where the edge does not answer: it is not there yet.
// A page would notice if it went.
func (w *way) state(t *testing.T) state {
	t.Helper()
	preflight, _ := w.ask(t, "OPTIONS", shop)
	actual, body := w.ask(t, "GET", shop)
	other, _ := w.ask(t, "GET", staging)
	if preflight == nil || actual == nil || other == nil {
		return state{}
	}
	var order order
	json.Unmarshal(body, &order)
	return state{
		Gateway:    order.Gateway,
		Preflights: whose(preflight.Header.Get("Cache-Control") == "no-store"),
		Headers:    whose(strings.Contains(actual.Header.Get("Access-Control-Expose-Headers"), "qlik-csrf-token")),
		Refuses:    other.StatusCode == http.StatusForbidden,
	}
}

func whose(gateway bool) string {
	if gateway {
		return "the gateway's"
	}
	return "the rules'"
}

// passing says when it is too late.
type passing time.Time

func deadline() passing { return passing(time.Now().Add(20 * time.Second)) }

func (p passing) passed() bool { return time.Now().After(time.Time(p)) }

// ask asks as a page of an origin does, with a cookie. It returns nil for no response.
func (w *way) ask(t *testing.T, method, origin string) (*http.Response, []byte) {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), method, "https://api.example.com/orders/0", nil)
	request.Header.Set("Origin", origin)
	request.Header.Set("Cookie", "session=s1")
	if method == http.MethodOptions {
		request.Header.Set("Access-Control-Request-Method", "PUT")
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, nil
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer, body
}
