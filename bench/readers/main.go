// Command readers measures how much a gateway's memory grows for clients that request
// long lists and read nothing. It fails if the growth is above a limit, or if another
// client gets no response meanwhile.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"originwarden/api/client"
)

func main() {
	gateway := flag.String("gateway", "", "the gateway's address, as `host:port`")
	fill := flag.Int("fill", 0, "create this number of web integrations of the maximum length, and measure nothing")
	pid := flag.Int("pid", 0, "process id of the gateway")
	readers := flag.Int("readers", 20, "number of clients that read nothing")
	duration := flag.Duration("duration", 8*time.Second, "how long they keep sending requests")
	maxGrowth := flag.Int("max-growth", 64, "maximum growth of the gateway's memory, in MB")
	flag.Parse()
	lists := &client.Client{Server: "http://" + *gateway, Token: os.Getenv("ORIGINWARDEN_TOKEN")}
	var err error
	if *fill > 0 {
		err = fillTenant(lists, *fill)
	} else {
		err = measure(lists, process(*pid), *gateway, *readers, *duration, *maxGrowth)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// fillTenant creates web integrations with 1,000 origins of a kilobyte each.
func fillTenant(lists *client.Client, n int) error {
	for i := range n {
		entries := make([]string, 1000)
		label := strings.Repeat("\U0001d41a", 58) // a bold a, which a host name maps to a
		for j := range entries {
			entries[j] = fmt.Sprintf("https://%s.%s.%s.%s.%d-%d", label, label, label, label, i, j)
		}
		if _, err := lists.Create(context.Background(), fmt.Sprintf("long %03d", i), entries); err != nil {
			return err
		}
	}
	return nil
}

func measure(lists *client.Client, gateway process, address string, readers int, duration time.Duration, maxGrowth int) error {
	before, err := gateway.settledMemory()
	if err != nil {
		return err
	}
	if err := gateway.resetPeak(); err != nil {
		return err
	}
	until := time.Now().Add(duration)
	var connections sync.WaitGroup
	for range readers {
		connections.Go(func() { readNothing(address, os.Getenv("ORIGINWARDEN_READER"), until) })
	}
	longest, readErr := readUntil(lists, until)
	connections.Wait()
	peak, err := gateway.megabytes("VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("memory %d MB, at most with %d readers that read nothing %d MB: growth %d MB; longest request of another client %s\n",
		before, readers, peak, peak-before, longest.Round(time.Millisecond))
	if peak-before > maxGrowth {
		return fmt.Errorf("growth of %d MB, want at most %d MB", peak-before, maxGrowth)
	}
	return readErr
}

// readUntil reads a web integration repeatedly, and returns the longest time that a
// request took and the last error.
func readUntil(lists *client.Client, until time.Time) (longest time.Duration, lastErr error) {
	for time.Now().Before(until) {
		begin := time.Now()
		if _, err := lists.Page(context.Background(), client.ListOptions{Limit: 1}); err != nil {
			lastErr = fmt.Errorf("request of another client: %w", err)
		}
		longest = max(longest, time.Since(begin))
		time.Sleep(200 * time.Millisecond)
	}
	return longest, lastErr
}

// readNothing requests a long list without reading the response, on a new connection
// every three seconds.
func readNothing(address, token string, until time.Time) {
	for time.Now().Before(until) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		conn.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(conn, "GET /api/v1/web-integrations?limit=100 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", address, token)
		time.Sleep(min(time.Until(until), 3*time.Second))
		conn.Close()
	}
}

// process is the id of a Linux process.
type process int

// settledMemory waits until the memory stays the same, and returns it.
func (p process) settledMemory() (megabytes int, err error) {
	for last := -1; ; last = megabytes {
		if megabytes, err = p.megabytes("VmRSS"); err != nil || last == megabytes {
			return megabytes, err
		}
		time.Sleep(2 * time.Second)
	}
}

// megabytes returns the value of a line of the process's status.
func (p process) megabytes(line string) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), line+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no %s", p, line)
	}
	kilobytes, err := strconv.Atoi(fields[0])
	return kilobytes / 1000, err
}

// resetPeak resets VmHWM to the current memory.
func (p process) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0)
}
