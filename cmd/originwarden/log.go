package main

import (
	"io"
	"log"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
)

// logger is the log of a service. Its level can be changed, and what is left out
// of it is counted. It may be used concurrently.
type logger struct {
	*zap.Logger
	levels  *levels
	out     *outlet       // or nil
	dropped atomic.Uint64 // lines that were left out

	mu       sync.Mutex
	samplers map[string]*sampler // by what they are about
}

// newOutletLogger returns a logger that writes to stderr, for which nobody waits.
// It has to be closed.
func newOutletLogger(cfg config.Log, stderr io.Writer) *logger {
	var l *logger
	out := newOutlet(stderr, func() { l.dropped.Add(1) }, func(lines int) {
		l.Warn("lines were left out of the log: standard error was not read in time", zap.Int("count", lines))
	})
	l = newLogger(cfg, out)
	l.out = out
	return l
}

// newLogger returns a logger that writes to stderr. It has to be closed.
func newLogger(cfg config.Log, stderr io.Writer) *logger {
	l := &logger{levels: newLevels(zapcore.Level(cfg.Level)), samplers: map[string]*sampler{}}
	out := zapcore.Lock(zapcore.AddSync(stderr))
	l.Logger = zap.New(zapcore.NewCore(newEncoder(cfg.Format), out, l.levels), zap.ErrorOutput(out))
	l.levels.told = func(level zapcore.Level, lasting time.Duration) {
		l.Warn("the log level was set", zap.Stringer("to", level), zap.Duration("for", lasting))
	}
	return l
}

// close tells what was left out.
func (l *logger) close() {
	l.levels.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samplers {
		s.tell()
	}
	l.Sync()
	if l.out != nil {
		l.out.close()
	}
}

func newEncoder(format config.Format) zapcore.Encoder {
	keys := zapcore.EncoderConfig{
		TimeKey:        "ts",
		LevelKey:       "level",
		MessageKey:     "msg",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	if format == config.Console {
		return zapcore.NewConsoleEncoder(keys)
	}
	return zapcore.NewJSONEncoder(keys)
}

func encodeTime(t time.Time, into zapcore.PrimitiveArrayEncoder) {
	into.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// problemsFirst is how many lines of a second net/http may write before they are
// sampled.
const problemsFirst = 100

// linesOf returns a standard logger whose lines become warnings called message.
func linesOf(l *logger, message string) *log.Logger {
	return log.New(lineWriter{l, l.sampler("problems in "+message, problemsFirst), message}, "", 0)
}

type lineWriter struct {
	log     *logger
	sampler *sampler
	message string
}

// Write implements io.Writer for one line.
func (w lineWriter) Write(line []byte) (int, error) {
	if entry := w.log.Check(zapcore.WarnLevel, w.message); entry != nil && w.sampler.passes(w.message) {
		entry.Write(zap.String("problem", textOfLine(string(line))))
	}
	return len(line), nil
}

// bounded returns s as it is if it is printable ASCII of at most limit bytes.
// Otherwise what is left of its first limit bytes is escaped, so that it is
// harmless on a terminal too.
func bounded(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		s = strconv.QuoteToASCII(s)
		s = s[1 : len(s)-1]
	}
	if cut {
		s += "..."
	}
	return s
}
