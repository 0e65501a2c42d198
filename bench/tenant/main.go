// Command tenant is the server behind the gateway in the scripts of bench. It prints its
// address. Every response is a kilobyte, except for /socket, which is a WebSocket that
// echoes messages, and /count, which counts the bodies posted to it.
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
