package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// WatchTimeout bounds the start of a watch, with connecting.
	WatchTimeout = 10 * time.Second

	progressInterval = time.Second

	// A member that is silent for longer is taken to be lost. It may also be busy
	// sending a large response: the next watch permits twice the time.
	minSilence = 3 * time.Second
	maxSilence = 2 * time.Minute
)

var (
	errSilent  = errors.New("etcd: the watched member does not answer")
	errRenewed = errors.New("etcd: reconnecting with other credentials")
	errEnded   = errors.New("etcd: the watch ended")
)

// Watch watches the keys from one up to another from the revision that start returns, until
// ctx ends, start or handle fails, or the member is silent or has no leader. handle
// takes every response: events, progress, or a failure. Watch requests progress every
// second, so that an idle watch can resume at a recent revision, which is not
// compacted.
func (c *Cluster) Watch(ctx context.Context, key, end string, start func(context.Context) (from int64, err error), handle func(context.Context, clientv3.WatchResponse) error) error {
	m := c.hold()
	defer m.users.Done()
	watching, stop := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop(nil)
	tasks.Go(func() {
		select {
		case <-c.closed:
			stop(errClosed)
		case <-m.replaced:
			stop(errRenewed)
		case <-watching.Done():
		}
	})
	stream, err := m.startWatch(watching, key, end, start)
	if err == nil {
		defer stream.close()
		tasks.Go(func() { stream.requestProgress(watching) })
		err = c.handleResponses(watching, stream, handle)
	}
	if watching.Err() != nil {
		return context.Cause(watching)
	}
	return err
}

// stream is a watch that a member has confirmed.
type stream struct {
	clientv3.Watcher
	responses clientv3.WatchChan
}

func (s *stream) close() { _ = s.Close() }

// startWatch returns a stream that lasts until ctx ends. Every member that is
// asked has a connection stream of its own, so that no other watch waits for it.
func (m *members) startWatch(ctx context.Context, key, end string, start func(context.Context) (from int64, err error)) (*stream, error) {
	starting, cancel := context.WithTimeout(ctx, WatchTimeout)
	defer cancel()
	from, err := start(starting)
	if err != nil {
		return nil, err
	}
	open := hedgedCall[*stream]{members: m, discard: (*stream).close}
	open.ask = func(attempt context.Context, client *clientv3.Client) (*stream, error) {
		s := &stream{Watcher: clientv3.NewWatcher(client)}
		stop := context.AfterFunc(attempt, s.close)
		s.responses = s.Watch(ctx, key, clientv3.WithRange(end), clientv3.WithRev(from),
			clientv3.WithProgressNotify(), clientv3.WithFragment())
		if !stop() { // the attempt has ended, and s is closed
			return nil, attempt.Err()
		}
		return s, nil
	}
	return open.run(starting)
}

// requestProgress requests the progress of the member until ctx ends.
func (s *stream) requestProgress(ctx context.Context) {
	tick := time.Tick(progressInterval)
	for {
		select {
		case <-tick:
			_ = s.RequestProgress(ctx) // a failure shows as silence
		case <-ctx.Done():
			return
		}
	}
}

// handleResponses calls handle with each response until there is an error.
func (c *Cluster) handleResponses(ctx context.Context, s *stream, handle func(context.Context, clientv3.WatchResponse) error) error {
	silence := max(time.Duration(c.silence.Load()), minSilence)
	for {
		select {
		case <-time.After(silence):
			c.silence.Store(int64(min(2*silence, maxSilence)))
			return errSilent
		case response, ok := <-s.responses:
			if !ok {
				return errEnded
			}
			c.silence.Store(0)
			if response.IsProgressNotify() {
				silence = minSilence // everything before was sent
			}
			if err := handle(ctx, response); err != nil {
				return err
			}
		}
	}
}
