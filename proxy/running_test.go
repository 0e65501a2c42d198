package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestGateway_CountsRunningExchanges(t *testing.T) {
	for _, protocol := range protocols() {
		arrived, release := make(chan bool), make(chan bool)
		h := newHarness(t, options{protocol: protocol, tenant: func(http.ResponseWriter, *http.Request) {
			arrived <- true
			<-release
		}})
		var clients sync.WaitGroup
		for range 2 {
			clients.Go(func() { h.send(request("GET /")) })
			<-arrived
		}
		if n := h.proxy.Running(); n != 2 {
			t.Errorf("%s: %d exchanges run, want 2", protocol, n)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		h.proxy.Wait(ended)
		close(release)
		h.awaitExchanges()
		if n, reported := h.proxy.Running(), len(h.exchanges); n != 0 || reported != 2 {
			t.Errorf("%s: after Wait, %d run and %d were reported", protocol, n, reported)
		}
		clients.Wait()
	}
}

// awaitExchanges waits until the gateway says that no exchange is left.
func (h *harness) awaitExchanges() {
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	h.proxy.Wait(ctx)
}

func TestGateway_CountsTunnelsAsRunning(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	if _, err := bufio.NewReader(conn).ReadString('.'); err != nil {
		t.Fatal(err)
	}
	if n := h.proxy.Running(); n != 1 {
		t.Errorf("%d exchanges run, want 1", n)
	}
	io.WriteString(conn, "bye.")
	h.awaitExchanges()
	if len(h.exchanges) != 1 {
		t.Error("Wait has not waited for the tunnel")
	}
}
