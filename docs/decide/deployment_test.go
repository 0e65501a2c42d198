package decide_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// host is the one of the configurations.
const host = "api.example.com"

// A deployment is an edge, which asks a gateway and forwards to an application.
type deployment struct {
	product
	application *application
	gateway     *gateway
	edge        string // address
}

// Keys of the tenant.
const (
	// upstream puts the gateway into the path to the application too.
	upstream    = "upstream: http://127.0.0.1:3000"
	publicPaths = "public_paths: [/public/*]"
)

// startDeployment starts all of them. The tenant gets further keys.
func startDeployment(t *testing.T, p product, keys ...string) *deployment {
	t.Helper()
	d := &deployment{product: p, application: startApplication(t)}
	d.gateway = startGateway(t, p.config(t, d.application, keys...))
	d.startEdge(t, d.gateway.decide)
	return d
}

// config returns the configuration of a gateway that the product asks.
func (p product) config(t *testing.T, a *application, keys ...string) string {
	t.Helper()
	config := replaceOnce(t, readBlock(t, "Configuration", "yaml"), "dialect: nginx", "dialect: "+p.dialect)
	for _, key := range keys {
		config += "    " + key + "\n"
	}
	return strings.Replace(config, "127.0.0.1:3000", a.address, 1)
}

// startEdge starts the product, which asks at an address.
func (d *deployment) startEdge(t *testing.T, decide string) {
	t.Helper()
	d.edge = startEdge(t, d.product, strings.NewReplacer("127.0.0.1:3000", d.application.address, "127.0.0.1:9191", decide, "10.0.0.5:9191", decide))
	waitForListener(t, d.edge)
}

// forEachProduct runs a test for each product at the same time.
func forEachProduct(t *testing.T, test func(*testing.T, product)) {
	t.Parallel()
	for _, p := range []product{nginx, caddy, haproxy} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func waitForListener(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); ; <-tick.C {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// A request is sent as it is written here.
type request struct {
	line    string // method and target
	headers []string
	body    string
}

// text returns the request, for the host unless it has another, and with credentials
// unless it is a preflight.
func (r request) text() string {
	lines := []string{r.line + " HTTP/1.1"}
	if len(r.headers) == 0 || !strings.HasPrefix(r.headers[0], "Host: ") {
		lines = append(lines, "Host: "+host)
	}
	lines = append(lines, r.headers...)
	if !r.isPreflight() {
		lines = append(lines, "Cookie: session=s1", "Authorization: Bearer token")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + r.body
}

func (r request) isPreflight() bool {
	return strings.HasPrefix(r.line, "OPTIONS ") && strings.Contains(strings.Join(r.headers, "\n"), "Access-Control-Request-Method:")
}

// throughEdge returns what becomes of a request at the edge.
func (d *deployment) throughEdge(t *testing.T, r request) outcome {
	t.Helper()
	connection, err := tls.Dial("tcp", d.edge, &tls.Config{
		InsecureSkipVerify: true, ServerName: host, // the authority is unknown
		DynamicRecordSizingDisabled: true, // what fits in one record is sent in one
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.send(t, connection, r)
}

// inPath returns what becomes of a request at the gateway, which has an upstream.
func (d *deployment) inPath(t *testing.T, r request) outcome {
	t.Helper()
	connection, err := net.Dial("tcp", d.gateway.listen)
	if err != nil {
		t.Fatal(err)
	}
	return d.send(t, connection, r)
}

func (d *deployment) send(t *testing.T, connection net.Conn, r request) outcome {
	t.Helper()
	defer connection.Close()
	d.application.take()
	connection.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(connection, r.text()); err != nil {
		t.Fatal(err)
	}
	o := readOutcome(t, connection, r)
	o.describeRequests(d.application.take())
	return o
}
