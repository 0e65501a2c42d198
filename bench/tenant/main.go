// Command tenant is what the scripts of this folder put behind the gateway. It
// prints its address, and answers everything with a kilobyte but /socket, which
// is a WebSocket that echoes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	http.HandleFunc("/socket", echo)
	body := bytes.Repeat([]byte("x"), 1024)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	log.Fatal(http.Serve(listener, nil))
}

func echo(w http.ResponseWriter, r *http.Request) {
	// Origins are the gateway's affair.
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
