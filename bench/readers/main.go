// Command readers measures what a gateway holds in memory for clients that ask
// for long lists and read nothing. It fails when that is more than it may be, or
// when somebody else is not answered meanwhile.
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
	gateway := flag.String("gateway", "", "HOST:PORT of the tenants' address")
	fill := flag.Int("fill", 0, "make so many web integrations, of the length that the API takes, and measure nothing")
	pid := flag.Int("pid", 0, "of the gateway's process")
	readers := flag.Int("readers", 20, "clients that read nothing")
	duration := flag.Duration("duration", 8*time.Second, "how long they do so")
	most := flag.Int("most", 64, "MB that the gateway's memory may grow by")
	flag.Parse()
	lists := &client.Client{Server: "http://" + *gateway, Token: os.Getenv("ORIGINWARDEN_TOKEN")}
	var err error
	if *fill > 0 {
		err = fillTenant(lists, *fill)
	} else {
		err = measure(lists, process(*pid), *gateway, *readers, *duration, *most)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// fillTenant makes web integrations of 1,000 origins of a kilobyte each.
func fillTenant(lists *client.Client, n int) error {
	for i := range n {
		entries := make([]string, 1000)
		label := strings.Repeat("\U0001d41a", 58) // a bold a, which is an a in a host's name
		for j := range entries {
			entries[j] = fmt.Sprintf("https://%s.%s.%s.%s.%d-%d", label, label, label, label, i, j)
		}
		if _, err := lists.Create(context.Background(), fmt.Sprintf("long %03d", i), entries); err != nil {
			return err
		}
	}
	return nil
}

func measure(lists *client.Client, gateway process, address string, readers int, duration time.Duration, most int) error {
	before, err := gateway.settled()
	if err != nil {
		return err
	}
	if err := gateway.forgetPeak(); err != nil {
		return err
	}
	until := time.Now().Add(duration)
	var connections sync.WaitGroup
	for range readers {
		connections.Go(func() { readNothing(address, os.Getenv("ORIGINWARDEN_READER"), until) })
	}
	waited, unanswered := readUntil(lists, until)
	connections.Wait()
	peak, err := gateway.megabytes("VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("memory %d MB, with %d readers that read nothing at most %d MB: %d MB more; somebody else waited for %s at most\n",
		before, readers, peak, peak-before, waited.Round(time.Millisecond))
	if peak-before > most {
		return fmt.Errorf("that is above %d MB", most)
	}
	return unanswered
}

// readUntil reads a web integration again and again, and returns the longest
// time that took, and the last error.
func readUntil(lists *client.Client, until time.Time) (longest time.Duration, unanswered error) {
	for time.Now().Before(until) {
		begin := time.Now()
		if _, err := lists.Page(context.Background(), client.ListOptions{Limit: 1}); err != nil {
			unanswered = fmt.Errorf("somebody else was not answered: %w", err)
		}
		longest = max(longest, time.Since(begin))
		time.Sleep(200 * time.Millisecond)
	}
	return longest, unanswered
}

// readNothing asks for a long list, again whenever the connection is gone.
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

// process is a process of Linux, by its id.
type process int

// settled is the memory once it stays the same.
func (p process) settled() (megabytes int, err error) {
	for last := -1; ; last = megabytes {
		if megabytes, err = p.megabytes("VmRSS"); err != nil || last == megabytes {
			return megabytes, err
		}
		time.Sleep(2 * time.Second)
	}
}

// megabytes are those of a line of the process's status.
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

// forgetPeak has VmHWM begin anew.
func (p process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0)
}
