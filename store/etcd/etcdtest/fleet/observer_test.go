//go:build linux

package fleet_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// observer records all writes in the cluster from a watch of its own.
type observer struct {
	fleet *fleet

	mu       sync.Mutex
	revision uint64
	puts     map[string]put    // by origin
	ends     map[string]uint64 // the revisions of deletions, by key
}

// put is the write of an origin.
type put struct {
	key      string
	revision uint64
	seen     time.Time // when the observer received it
}

// observe starts an observer, which is stopped when the test ends.
func (f *fleet) observe() *observer {
	o := &observer{fleet: f, puts: map[string]put{}, ends: map[string]uint64{}}
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			o.watch(ctx)
		}
	})
	f.Cleanup(func() { stop(); watching.Wait() })
	return o
}

func (o *observer) watch(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for response := range o.fleet.etcd.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(int64(o.at())+1)) {
		if response.CompactRevision != 0 {
			o.fleet.reportf("the test compacted revisions that it had not seen: %v", response.Err())
		}
		for _, event := range response.Events {
			o.take(event)
		}
	}
}

func (o *observer) at() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.revision
}

func originPattern() *regexp.Regexp { return regexp.MustCompile(`https://[a-z0-9-]+\.example`) }

// take records an event. No web integration may be written after its deletion, and no
// origin twice.
func (o *observer) take(event *clientv3.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key, revision := string(event.Kv.Key), uint64(event.Kv.ModRevision)
	o.revision = max(o.revision, revision)
	if !strings.HasPrefix(key, prefix+"i/") {
		return
	}
	if end, ended := o.ends[key]; ended {
		o.fleet.reportf("%s was written at revision %d, after its deletion at %d", key, revision, end)
	}
	if event.Type == clientv3.EventTypeDelete {
		o.ends[key] = revision
		return
	}
	for _, entry := range originPattern().FindAllString(string(event.Kv.Value), -1) {
		if was, ok := o.puts[entry]; ok {
			o.fleet.reportf("%s was written twice, at revisions %d and %d", entry, was.revision, revision)
		}
		o.puts[entry] = put{key, revision, time.Now()}
	}
}

// find returns the write of an origin, if it was seen.
func (o *observer) find(origin string) (put, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.puts[origin]
	return p, ok
}

// deletion returns the revision of the deletion of a web integration, or 0.
func (o *observer) deletion(tenant, id string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ends[prefix+"i/"+tenant+"/"+id]
}

// await waits until the observer has seen the revision.
func (o *observer) await(ctx context.Context, revision uint64) {
	for o.at() < revision && pause(ctx, 10*time.Millisecond) {
	}
	if ctx.Err() != nil {
		o.fleet.Fatalf("the observer is at revision %d, want %d", o.at(), revision)
	}
}

// compact compacts the history up to the revision that the observer has seen.
func (o *observer) compact(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := o.fleet.etcd.Compact(ctx, int64(o.at()))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil
	}
	return err
}

// pause waits for d or the end of ctx, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
