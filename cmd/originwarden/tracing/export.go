package tracing

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"originwarden/cmd/originwarden/logs"
	"originwarden/metrics"
)

const (
	maxSpansWaiting   = 4096
	lostReportedEvery = time.Minute
)

// spanExporter counts spans by outcome, and reports lost ones. The SDK reports errors
// only to a handler of the whole process.
type spanExporter struct {
	sdk.SpanExporter
	log   *logs.Logger
	count func(outcome string, n int)

	waiting atomic.Int64   // spans, for the collector
	lost    atomic.Int64   // since the last report
	running sync.WaitGroup // of exports

	mu           sync.Mutex
	cancel       context.CancelFunc // of the export that is under way
	ended        bool
	failing      bool
	lostReported time.Time
}

var errTracingEnded = errors.New("tracing has ended")

// ExportSpans implements sdk.SpanExporter.
func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	defer e.waiting.Add(-int64(len(spans)))
	ctx, ok := e.begin(ctx)
	err := errTracingEnded
	if ok {
		defer e.running.Done()
		err = e.SpanExporter.ExportSpans(ctx, spans)
	}
	e.end(err, len(spans))
	return nil
}

func (e *spanExporter) begin(ctx context.Context) (_ context.Context, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx, e.cancel = context.WithCancel(ctx); !e.ended {
		e.running.Add(1)
	}
	return ctx, !e.ended
}

func (e *spanExporter) end(err error, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cancel()
	if err == nil {
		e.count(metrics.SpansExported, n)
		if e.failing {
			e.failing = false
			e.log.Info("exporting spans succeeds again", zap.Int64("lost", e.lost.Swap(0)))
		}
		return
	}
	e.count(metrics.SpansFailed, n)
	e.lost.Add(int64(n))
	if now := time.Now(); !e.failing || now.Sub(e.lostReported) >= lostReportedEvery {
		e.failing, e.lostReported = true, now
		e.log.Warn("exporting spans failed", zap.Int64("lost", e.lost.Swap(0)), zap.String("error", logs.ErrorText(err)))
	}
}

// endTime is how long an export may take to end that was told to.
const endTime = time.Second

// close lets no export begin, and returns when the one that is under way has reported what
// it lost.
func (e *spanExporter) close() {
	e.giveUp()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.running.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(endTime):
	}
	e.reportLost()
}

// giveUp ends the export that is under way, and lets none begin.
func (e *spanExporter) giveUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	if e.cancel != nil {
		e.cancel()
	}
}

func (e *spanExporter) reportLost() {
	if lost := e.lost.Swap(0); lost > 0 {
		e.log.Warn("spans were lost", zap.Int64("lost", lost))
	}
}

// processor returns a processor that exports spans in batches from a bounded
// queue: a collector that is slow or gone slows down no request.
func (e *spanExporter) processor() sdk.SpanProcessor {
	return &spanProcessor{sdk.NewBatchSpanProcessor(e, sdk.WithMaxQueueSize(maxSpansWaiting)), e}
}

// spanProcessor counts the spans for which there is no room, which the SDK's own
// does not count.
type spanProcessor struct {
	sdk.SpanProcessor
	exporter *spanExporter
}

// OnEnd implements sdk.SpanProcessor.
func (p *spanProcessor) OnEnd(s sdk.ReadOnlySpan) {
	e := p.exporter
	switch {
	case !s.SpanContext().IsSampled():
	case e.waiting.Add(1) > maxSpansWaiting:
		e.waiting.Add(-1)
		e.lost.Add(1)
		e.count(metrics.SpansDropped, 1)
	default:
		p.SpanProcessor.OnEnd(s)
	}
}
