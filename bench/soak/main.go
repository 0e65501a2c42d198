// Command soak runs floods of refused requests, changes of lists and WebSockets against
// a gateway. It checks every response, and compares the gateway's memory, goroutines and
// file descriptors at the end with those after the first minute. It fails if a response
// is wrong or one of these has grown by more than 10 %.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"originwarden/api/client"
)

const listed = "https://listed.soak.example"

// minDuration is the shortest soak in which growth is more than warming up.
const minDuration = 2 * time.Minute

type soak struct {
	gateway, admin string
	lists          *client.Client
	http           *http.Client

	refused, preflights, changes, sockets, unknown, wrong atomic.Int64
}

func main() {
	s := &soak{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}}
	duration := flag.Duration("duration", 10*time.Minute, "how long it runs; growth is a failure only from two minutes on")
	flag.StringVar(&s.gateway, "gateway", "", "URL of the tenants' address")
	flag.StringVar(&s.admin, "admin", "", "URL of the admin address")
	flag.Parse()
	s.lists = &client.Client{Server: s.gateway, Token: os.Getenv("ORIGINWARDEN_TOKEN")}
	ctx, cancel := context.WithTimeout(context.Background(), *duration)
	defer cancel()
	if err := s.run(ctx, *duration); err != nil {
		log.Fatal(err)
	}
}

func (s *soak) run(ctx context.Context, duration time.Duration) error {
	if _, err := s.lists.Create(ctx, "soak", []string{listed}); err != nil {
		return err
	}
	var load sync.WaitGroup
	for _, worker := range []func(context.Context){s.flood, s.flood, s.preflight, s.requestUnknownHost, s.change, s.useSocket, s.useSocket, s.useSocket, s.useSocket} {
		load.Go(func() {
			for ctx.Err() == nil {
				worker(ctx)
			}
		})
	}
	const window = 10 * time.Second
	first := s.sample(ctx, min(time.Minute, duration/2)-window, window)
	last := s.sample(ctx, duration-min(time.Minute, duration/2)-window-time.Second, window)
	load.Wait()
	fmt.Printf("refused %d, preflights %d, unknown hosts %d, list changes %d, WebSockets %d; wrong responses %d\n",
		s.refused.Load(), s.preflights.Load(), s.unknown.Load(), s.changes.Load(), s.sockets.Load(), s.wrong.Load())
	grown := compare(first, last)
	if duration < minDuration {
		fmt.Printf("growth is ignored below %v\n", minDuration)
		grown = nil
	}
	return errors.Join(grown, s.wrongResponses())
}

func (s *soak) wrongResponses() error {
	if n := s.wrong.Load(); n > 0 {
		return fmt.Errorf("%d wrong responses", n)
	}
	return nil
}

// expect sends a request, and checks the status of the response and its
// Access-Control-Allow-Origin.
func (s *soak) expect(ctx context.Context, method, host, origin string, status int, more ...string) {
	r, err := http.NewRequestWithContext(ctx, method, s.gateway+"/", nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Origin", origin)
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	res, err := s.http.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			s.wrong.Add(1)
			log.Print(err)
		}
		return
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	shared := ""
	if status < 300 {
		shared = origin
	}
	if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != status || got != shared {
		s.wrong.Add(1)
		log.Printf("%s of %s: status %d, allowed origin %q, want %d, %q", method, origin, res.StatusCode, got, status, shared)
	}
}

// flood sends a request with a new origin each time.
func (s *soak) flood(ctx context.Context) {
	s.expect(ctx, "GET", "", fmt.Sprintf("https://%x.evil.example", rand.Uint64()), 403)
	s.refused.Add(1)
}

func (s *soak) preflight(ctx context.Context) {
	s.expect(ctx, "OPTIONS", "", listed, 204, "Access-Control-Request-Method", "PUT")
	s.preflights.Add(1)
}

// requestUnknownHost sends a request for a host of no tenant: on loopback, a tenant
// without hosts has only loopback names.
func (s *soak) requestUnknownHost(ctx context.Context) {
	s.expect(ctx, "GET", fmt.Sprintf("%x.unknown.example", rand.Uint64()), "https://evil.example", 421)
	s.unknown.Add(1)
}

// change lists an origin, replaces it, and deletes it. Each change must be in force for
// the next request.
func (s *soak) change(ctx context.Context) {
	a, b := fmt.Sprintf("https://a-%x.example", rand.Uint64()), fmt.Sprintf("https://b-%x.example", rand.Uint64())
	created, err := s.lists.Create(ctx, "changing", []string{a})
	if s.failed(ctx, err) {
		return
	}
	s.expect(ctx, "GET", "", a, 200)
	if _, err := s.lists.Patch(ctx, created.ID, []client.Operation{client.ReplaceValidOrigins(b)}, ""); s.failed(ctx, err) {
		return
	}
	s.expect(ctx, "GET", "", a, 403)
	s.expect(ctx, "GET", "", b, 200)
	socket := s.openSocket(ctx, b)
	if _, err := s.lists.Delete(ctx, created.ID, ""); s.failed(ctx, err) {
		return
	}
	s.expect(ctx, "GET", "", b, 403)
	if socket != nil {
		s.expectRevoked(ctx, socket)
	}
	s.changes.Add(3)
}

// failed reports whether err is not nil, and counts it as a wrong response unless the soak
// is over.
func (s *soak) failed(ctx context.Context, err error) bool {
	if err != nil && ctx.Err() == nil {
		s.wrong.Add(1)
		log.Print(err)
	}
	return err != nil
}

func (s *soak) openSocket(ctx context.Context, origin string) *websocket.Conn {
	conn, _, err := websocket.Dial(ctx, s.gateway+"/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
	if s.failed(ctx, err) {
		return nil
	}
	return conn
}

// expectRevoked waits for the close frame, for at most a second.
func (s *soak) expectRevoked(ctx context.Context, conn *websocket.Conn) {
	defer conn.CloseNow()
	timeout, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, _, err := conn.Read(timeout); websocket.CloseStatus(err) != websocket.StatusPolicyViolation && ctx.Err() == nil {
		s.wrong.Add(1)
		log.Printf("revoked WebSocket: %v, want status 1008", err)
	}
}

// useSocket opens a WebSocket, sends messages and reads their echoes, and ends with or
// without a closing handshake.
func (s *soak) useSocket(ctx context.Context) {
	conn := s.openSocket(ctx, listed)
	if conn == nil {
		return
	}
	defer conn.CloseNow()
	for range rand.IntN(20) {
		message := strings.Repeat("x", rand.IntN(4096))
		if s.failed(ctx, conn.Write(ctx, websocket.MessageText, []byte(message))) {
			return
		}
		if _, got, err := conn.Read(ctx); s.failed(ctx, err) || string(got) != message {
			return
		}
	}
	if rand.IntN(2) == 0 {
		conn.Close(websocket.StatusNormalClosure, "")
	}
	s.sockets.Add(1)
}

// sample returns the medians of the metrics over a window that begins after wait.
func (s *soak) sample(ctx context.Context, wait, window time.Duration) map[string]float64 {
	sleep(ctx, wait)
	all := map[string][]float64{}
	for end := time.Now().Add(window); time.Now().Before(end) && ctx.Err() == nil; sleep(ctx, 250*time.Millisecond) {
		for name, value := range s.scrape(ctx) {
			all[name] = append(all[name], value)
		}
	}
	medians := map[string]float64{}
	for name, values := range all {
		slices.Sort(values)
		medians[name] = values[len(values)/2]
	}
	return medians
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// metrics returns the metrics that must not grow. The size of the next collection stands
// for the live heap.
func metrics() []string {
	return []string{"process_resident_memory_bytes", "go_memstats_next_gc_bytes", "go_goroutines", "process_open_fds"}
}

func (s *soak) scrape(ctx context.Context) map[string]float64 {
	r, _ := http.NewRequestWithContext(ctx, "GET", s.admin+"/metrics", nil)
	res, err := s.http.Do(r)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	found := map[string]float64{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if slices.Contains(metrics(), name) {
			found[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return found
}

// compare prints the growth of the metrics, and returns an error for growth above 10 %.
func compare(first, last map[string]float64) error {
	var errs []error
	for _, name := range metrics() {
		growth := last[name]/first[name] - 1
		fmt.Printf("%-32s %12.0f after the first minute, %12.0f at the end: %+.1f %%\n", name, first[name], last[name], 100*growth)
		if growth > 0.1 || first[name] == 0 {
			errs = append(errs, fmt.Errorf("%s has grown by %.1f %%", name, 100*growth))
		}
	}
	return errors.Join(errs...)
}
