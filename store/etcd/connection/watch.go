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

// Watcher is what a watch needs to know, and is called with.
type Watcher struct {
	// Prefix begins the keys to watch.
	Prefix string
	// Start returns the first revision to watch. It is called once, and bounded by
	// WatchTimeout together with the rest of the start.
	Start func(ctx context.Context) (from int64, err error)
	// Handle takes each response, which may be a failure or report progress only.
	// Its error ends the watch.
	Handle func(ctx context.Context, response clientv3.WatchResponse) error
}

// Watch watches keys until ctx ends, Handle or Start fails, or the member is lost.
// It asks the member for its progress every second.
func (c *Cluster) Watch(ctx context.Context, w Watcher) error {
	m := c.hold()
	defer c.release(m)
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
	stream, err := m.startWatch(watching, &w)
	if err == nil {
		defer stream.close()
		tasks.Go(func() { stream.requestProgress(watching) })
		err = c.handleResponses(watching, stream, w.Handle)
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
func (m *members) startWatch(ctx context.Context, w *Watcher) (*stream, error) {
	starting, cancel := context.WithTimeout(ctx, WatchTimeout)
	defer cancel()
	from, err := w.Start(starting)
	if err != nil {
		return nil, err
	}
	start := race[*stream]{members: m, discard: (*stream).close}
	start.ask = func(attempt context.Context, client *clientv3.Client) (*stream, error) {
		s := &stream{Watcher: clientv3.NewWatcher(client)}
		keep := context.AfterFunc(attempt, s.close)
		s.responses = s.Watch(ctx, w.Prefix, clientv3.WithPrefix(), clientv3.WithRev(from),
			clientv3.WithProgressNotify(), clientv3.WithFragment())
		if !keep() {
			return nil, attempt.Err()
		}
		return s, nil
	}
	return start.run(starting)
}

// requestProgress requests the progress of the member until ctx ends.
func (s *stream) requestProgress(ctx context.Context) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = s.RequestProgress(ctx) // a failure shows as silence
		case <-ctx.Done():
			return
		}
	}
}

// handleResponses hands over the responses until there is an error.
func (c *Cluster) handleResponses(ctx context.Context, s *stream, handle func(context.Context, clientv3.WatchResponse) error) error {
	silence := max(time.Duration(c.silence.Load()), minSilence)
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		timer.Reset(silence)
		select {
		case <-timer.C:
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
