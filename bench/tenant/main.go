// Command tenant is the server behind the gateway in the scripts of bench. It prints its
// address. Every response is a kilobyte, except for /large, which is 100 KB; /events, an
// endless stream of events that have the time in nanoseconds; /socket, which is a
// WebSocket that echoes messages; and /count, which counts the bodies posted to it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`host:port` to listen on")
	idle := flag.Duration("idle", 0, "how long idle connections are kept, 0 for no limit")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	http.HandleFunc("/socket", echo)
	http.HandleFunc("/events", sendEvents)
	large := bytes.Repeat([]byte("x"), 100<<10)
	http.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { w.Write(large) })
	http.Handle("/count", &counter{bodies: map[string]int{}})
	body := bytes.Repeat([]byte("x"), 1024)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	server := &http.Server{IdleTimeout: *idle}
	log.Fatal(server.Serve(listener))
}

// counter counts the bodies posted to it. Its response is their number and the number of
// distinct ones.
type counter struct {
	mu     sync.Mutex
	bodies map[string]int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodPost && err == nil {
		c.bodies[string(body)]++
	}
	all := 0
	for _, n := range c.bodies {
		all += n
	}
	fmt.Fprintln(w, all, len(c.bodies))
}

const eventInterval = 50 * time.Millisecond

func sendEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(eventInterval)
	defer tick.Stop()
	for {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano()); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	// The gateway checks the origin.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, message, err := conn.Read(context.Background())
		if err != nil || conn.Write(context.Background(), kind, message) != nil {
			return
		}
	}
}
