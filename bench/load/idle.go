package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// IdleConnections are open connections that send nothing.
type IdleConnections []*connection

// OpenIdle opens connections, several at a time, and sends the request on each. The caller
// must close those that it returns with an error, too.
func OpenIdle(ctx context.Context, t Target, count int) (connections IdleConnections, err error) {
	var mu sync.Mutex
	var opening sync.WaitGroup
	for part := range Connections {
		opening.Go(func() {
			for i := part; i < count && ctx.Err() == nil; i += Connections {
				c, failed := openOne(t)
				mu.Lock()
				if failed != nil {
					err = failed
				} else {
					connections = append(connections, c)
				}
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	opening.Wait()
	return connections, errors.Join(err, ctx.Err())
}

func openOne(t Target) (*connection, error) {
	c, err := t.dial()
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(responseTimeout))
	if _, err := c.sendFirst(t); err != nil {
		c.Close()
		return nil, fmt.Errorf("opening an idle connection: %w", err)
	}
	c.SetDeadline(time.Time{})
	c.reader = nil // it is not needed again, and there are many
	return c, nil
}

// Close closes the connections.
func (i IdleConnections) Close() {
	for _, c := range i {
		c.Close()
	}
}
