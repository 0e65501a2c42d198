package load

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Streams are open event streams. The data of each event is the time when it was sent, in
// nanoseconds.
type Streams []*stream

type stream struct {
	*connection
	lines     *bufio.Scanner
	latencies []time.Duration
	err       error
}

// OpenStreams opens event streams, and waits for the first event of each. The caller must
// close those that it returns with an error, too.
func OpenStreams(t Target, count int) (streams Streams, err error) {
	var mu sync.Mutex
	var opening sync.WaitGroup
	for range count {
		opening.Go(func() {
			s, failed := openStream(t)
			mu.Lock()
			defer mu.Unlock()
			if failed != nil {
				err = fmt.Errorf("opening an event stream: %w", failed)
				return
			}
			streams = append(streams, s)
		})
	}
	opening.Wait()
	return streams, err
}

func openStream(t Target) (*stream, error) {
	c, err := t.dial()
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(responseTimeout))
	response, err := c.sendFirst(t)
	if err != nil {
		c.Close()
		return nil, err
	}
	s := &stream{connection: c, lines: bufio.NewScanner(response.Body)}
	if _, err = s.next(); err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// next waits for an event, and returns how old it is.
func (s *stream) next() (time.Duration, error) {
	for s.lines.Scan() {
		if sent, found := strings.CutPrefix(s.lines.Text(), "data: "); found {
			nanoseconds, err := strconv.ParseInt(sent, 10, 64)
			return time.Since(time.Unix(0, nanoseconds)), err
		}
	}
	return 0, fmt.Errorf("the event stream ended: %w", s.lines.Err())
}

// Read reads all streams for the duration. Its result counts the events, and how old they
// were when they came.
func (s Streams) Read(ctx context.Context, duration time.Duration) (Result, error) {
	begin := time.Now()
	until := begin.Add(duration)
	var reading sync.WaitGroup
	for _, one := range s {
		one.latencies = nil
		one.SetDeadline(until.Add(responseTimeout))
		reading.Go(func() { one.readUntil(ctx, until) })
	}
	reading.Wait()
	took := time.Since(begin)
	var all []time.Duration
	for _, one := range s {
		if one.err != nil {
			return Result{}, one.err
		}
		all = append(all, one.latencies...)
	}
	return newResult(all, took), ctx.Err()
}

func (s *stream) readUntil(ctx context.Context, until time.Time) {
	for time.Now().Before(until) && ctx.Err() == nil {
		latency, err := s.next()
		if err != nil {
			s.err = err
			return
		}
		s.latencies = append(s.latencies, latency)
	}
}

// Close closes the streams.
func (s Streams) Close() {
	for _, one := range s {
		one.Close()
	}
}
