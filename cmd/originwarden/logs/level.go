package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
)

// Level is the level of a log, which changes while the log is written. It may
// be used concurrently.
type Level struct {
	zap.AtomicLevel
	// changed is called when an operator has set a level.
	changed func(level zapcore.Level, lasting time.Duration)

	mu         sync.Mutex
	configured zapcore.Level
	timer      *time.Timer // restores the configured level; nil: none is running
	until      time.Time   // when timer fires
}

// Configure sets the configured level. If that has changed, it replaces any other
// level.
func (l *Level) Configure(level zapcore.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level != l.configured {
		l.configured = level
		l.set(level, 0)
	}
}

// set is called with mu held. After lasting, the configured level is restored; 0
// keeps level until it is set again.
func (l *Level) set(level zapcore.Level, lasting time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.SetLevel(level)
	if lasting > 0 {
		l.until = time.Now().Add(lasting)
		l.timer = time.AfterFunc(lasting, func() { l.revert(level) })
	}
}

// revert restores the configured level, unless another level was set while the
// timer fired.
func (l *Level) revert(from zapcore.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && l.Level() == from && !time.Now().Before(l.until) {
		l.set(l.configured, 0)
	}
}

// close stops the timer.
func (l *Level) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
}

// levelDocument is what /log-level takes and returns.
type levelDocument struct {
	Level string `json:"level"`
	// Until is when the configured level is restored; nil is never.
	Until *time.Time `json:"until,omitempty"`
}

func (l *Level) document() levelDocument {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := levelDocument{Level: l.Level().String()}
	if l.timer != nil {
		until := l.until.UTC().Round(time.Second)
		d.Until = &until
	}
	return d
}

// ServeGet responds with the level.
func (l *Level) ServeGet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(l.document())
}

// ServePut sets the level, for as long as the query says.
func (l *Level) ServePut(w http.ResponseWriter, r *http.Request) {
	level, err := readLevel(http.MaxBytesReader(w, r.Body, 1<<10))
	lasting, errLasting := readLasting(r.URL.Query()["for"])
	if err = errors.Join(err, errLasting); err != nil {
		envelope.Write(w, envelope.TraceID(r.Context()), http.StatusBadRequest, envelope.Error{Code: "BAD_REQUEST", Title: "Bad request", Detail: err.Error()})
		return
	}
	l.mu.Lock()
	l.set(level, lasting)
	l.mu.Unlock()
	l.changed(level, lasting)
	l.ServeGet(w, r)
}

func readLevel(body io.Reader) (zapcore.Level, error) {
	var d struct {
		Level *config.Level `json:"level"`
	}
	from := json.NewDecoder(body)
	from.DisallowUnknownFields()
	if err := from.Decode(&d); err != nil {
		return 0, fmt.Errorf("reading the level: %w", err)
	}
	if d.Level == nil || from.More() {
		return 0, errors.New(`the body must be like {"level":"debug"}`)
	}
	return zapcore.Level(*d.Level), nil
}

// maxLasting is the longest time for which a level can be set.
const maxLasting = 24 * time.Hour

func readLasting(values []string) (time.Duration, error) {
	if len(values) == 0 {
		return 0, nil
	}
	lasting, err := time.ParseDuration(values[0])
	if err != nil || len(values) > 1 || lasting <= 0 || lasting > maxLasting {
		return 0, fmt.Errorf(`the parameter "for" must be a single duration above 0 and at most %s, such as 10m`, maxLasting)
	}
	return lasting, nil
}
