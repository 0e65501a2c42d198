package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// client sends requests on one connection, and records their latencies.
type client struct {
	*connection
	request   Request
	encoded   []byte
	due       time.Time // from when the latency of the next response counts
	latencies []time.Duration
	err       error
}

func (c *client) send() error {
	_, err := c.Write(c.encoded)
	return err
}

// receive reads the response to what was sent, and checks it.
func (c *client) receive() error {
	response, body, err := c.readResponse(c.request.Method)
	if err != nil {
		return err
	}
	c.latencies = append(c.latencies, time.Since(c.due))
	return c.request.check(response, body)
}

// dialClients opens the connections of a run, whose requests have a host each.
func (t Target) dialClients(until time.Time) (clients []*client, err error) {
	for i := range Connections {
		connection, err := t.dial()
		if err != nil {
			closeClients(clients)
			return nil, err
		}
		connection.SetDeadline(until.Add(responseTimeout))
		clients = append(clients, &client{connection: connection, request: t.Request, encoded: t.Request.encode(t.host(i))})
	}
	return clients, nil
}

func closeClients(clients []*client) {
	for _, c := range clients {
		c.Close()
	}
}

// sendAtMost sends requests as fast as the proxy responds, one at a time on each
// connection.
func sendAtMost(ctx context.Context, t Target, duration time.Duration) (Result, error) {
	begin := time.Now()
	until := begin.Add(duration)
	clients, err := t.dialClients(until)
	if err != nil {
		return Result{}, err
	}
	defer closeClients(clients)
	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() {
			for c.err == nil && time.Now().Before(until) && ctx.Err() == nil {
				c.due = time.Now()
				c.err = errors.Join(c.send(), c.receive())
			}
		})
	}
	running.Wait()
	return collect(ctx, clients, begin)
}

// collect returns what the clients have recorded since begin.
func collect(ctx context.Context, clients []*client, begin time.Time) (Result, error) {
	took := time.Since(begin)
	var all []time.Duration
	for _, c := range clients {
		if c.err != nil {
			return Result{}, fmt.Errorf("request: %w", c.err)
		}
		all = append(all, c.latencies...)
	}
	return newResult(all, took), ctx.Err()
}
