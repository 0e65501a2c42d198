package decide_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// newClient returns a client that connects to the edge, whatever the URL is.
func (d *deployment) newClient(http2 bool) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		ForceAttemptHTTP2: http2,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the authority is unknown
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, d.edge)
		},
	}}
}

func TestDecide_OpenWebSocketPassesFrames(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		d.gateway.list(t, "shop", shop)
		options := &websocket.DialOptions{HTTPClient: d.newClient(false), HTTPHeader: http.Header{"Origin": {shop}}}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		socket, _, err := websocket.Dial(ctx, "wss://"+host+"/events", options)
		if err != nil {
			t.Fatal(err)
		}
		defer socket.CloseNow()
		for _, message := range []string{"one", "two"} {
			if err := socket.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := socket.Read(ctx); err != nil || string(got) != message {
				t.Fatalf("got %q, %v, want %q", got, err, message)
			}
		}
	})
}
