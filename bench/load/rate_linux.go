package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// SendAtRate sends requests at a steady rate, whatever the responses take. If all
// connections wait for a response when a request is due, the time until one is free is
// part of its latency. Result.Took is longer than duration if the rate could not be kept.
// It is for HTTP/1.1 without TLS. It needs little more processor time than wrk, because it
// is one loop around epoll: with goroutines, the load would need its whole core before a
// fast proxy does.
func SendAtRate(ctx context.Context, t Target, rate float64, duration time.Duration) (Result, error) {
	if t.TLS {
		return Result{}, fmt.Errorf("sending at a steady rate on TLS is not supported")
	}
	p := &pacer{
		interval: time.Duration(float64(time.Second) / rate), count: int(rate * duration.Seconds()),
	}
	p.latencies = make([]time.Duration, 0, p.count)
	defer p.close()
	if err := p.open(t); err != nil {
		return Result{}, err
	}
	if err := p.run(ctx, duration+responseTimeout); err != nil {
		return Result{}, err
	}
	return newResult(p.latencies, time.Since(p.begin)), nil
}

// pacer sends requests that become due one by one.
type pacer struct {
	interval  time.Duration // between two requests
	count     int           // of all requests
	due, sent int
	isBlocked bool // a request that is due waits for a connection
	begin     time.Time
	epoll     int
	timer     int
	clients   map[int32]*rawClient
	free      []*rawClient
	latencies []time.Duration
}

// open opens the connections and the timer.
func (p *pacer) open(t Target) (err error) {
	p.clients = map[int32]*rawClient{}
	if p.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i := range Connections {
		c, err := dialRaw(t, i)
		if err != nil {
			return err
		}
		p.clients[int32(c.socket)] = c
		p.free = append(p.free, c)
		if err := p.await(c.socket); err != nil {
			return err
		}
	}
	timer, _, failed := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if failed != 0 {
		return failed
	}
	p.timer = int(timer)
	return p.await(p.timer)
}

func (p *pacer) await(file int) error {
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, file, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(file)})
}

func (p *pacer) close() {
	for _, c := range p.clients {
		syscall.Close(c.socket)
	}
	for _, file := range []int{p.timer, p.epoll} {
		if file > 0 {
			syscall.Close(file)
		}
	}
}

const clockMonotonic = 1 // of <time.h>

// startTimer lets a request become due in every interval.
func (p *pacer) startTimer() error {
	p.begin = time.Now()
	interval := syscall.NsecToTimespec(p.interval.Nanoseconds())
	specification := [2]syscall.Timespec{interval, interval}
	_, _, failed := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(p.timer), 0, uintptr(unsafe.Pointer(&specification)), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}

// run sends all requests, and returns when their responses are complete.
func (p *pacer) run(ctx context.Context, limit time.Duration) error {
	if err := p.startTimer(); err != nil {
		return err
	}
	events := make([]syscall.EpollEvent, Connections+1)
	for len(p.latencies) < p.count && ctx.Err() == nil {
		if time.Since(p.begin) > limit {
			return fmt.Errorf("%d of %d responses in %s", len(p.latencies), p.count, limit)
		}
		n, err := syscall.EpollWait(p.epoll, events, 100)
		if err != nil && err != syscall.EINTR {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			if err := p.handle(event.Fd); err != nil {
				return err
			}
		}
		if err := p.sendDue(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// handle reads what has arrived: the number of requests that became due, or a response.
func (p *pacer) handle(file int32) error {
	c, isClient := p.clients[file]
	if !isClient {
		var expirations [8]byte
		if n, err := syscall.Read(p.timer, expirations[:]); n == len(expirations) && err == nil {
			p.due = min(p.count, p.due+int(binary.NativeEndian.Uint64(expirations[:])))
		}
		return nil
	}
	complete, err := c.receive()
	if err != nil {
		return fmt.Errorf("reading a response: %w", err)
	}
	if complete {
		p.latencies = append(p.latencies, time.Since(c.start))
		p.free = append(p.free, c)
	}
	return nil
}

// sendDue sends what is due, as far as connections are free.
func (p *pacer) sendDue() error {
	for ; p.sent < p.due; p.sent++ {
		if len(p.free) == 0 {
			p.isBlocked = true
			return nil
		}
		c := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		// That this loop was late is not the proxy's fault.
		c.start = time.Now()
		if p.isBlocked {
			c.start = p.begin.Add(time.Duration(p.sent+1) * p.interval)
		}
		if err := c.send(); err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
	}
	p.isBlocked = false
	return nil
}
