package logs

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

// Logger is the log of a service. Its level can be changed, and what is left out
// of it is counted. It may be used concurrently.
type Logger struct {
	*zap.Logger
	Level   *Level
	json    bool
	lines   zapcore.WriteSyncer
	out     *outlet       // or nil
	dropped atomic.Uint64 // lines that were left out

	mu       sync.Mutex
	samplers map[string]*Sampler // by what they are about
}

// NewNonblocking returns a Logger that writes to stderr in the background, so
// that a slow reader delays no caller. It has to be closed.
func NewNonblocking(cfg config.Log, stderr io.Writer) *Logger {
	var l *Logger
	out := newOutlet(stderr, func() { l.dropped.Add(1) }, func(lines int) {
		l.Warn("lines were left out of the log: standard error was not read in time", zap.Int("count", lines))
	})
	l = New(cfg, out)
	l.out = out
	return l
}

// New returns a Logger that writes to stderr. It has to be closed.
func New(cfg config.Log, stderr io.Writer) *Logger {
	level := zapcore.Level(cfg.Level)
	l := &Logger{
		Level: &Level{AtomicLevel: zap.NewAtomicLevelAt(level), configured: level},
		json:  cfg.Format != config.Console, lines: zapcore.Lock(zapcore.AddSync(stderr)), samplers: map[string]*Sampler{},
	}
	l.Logger = zap.New(zapcore.NewCore(newEncoder(cfg.Format), l.lines, l.Level), zap.ErrorOutput(l.lines))
	l.Level.changed = func(level zapcore.Level, lasting time.Duration) {
		l.Warn("the log level was set", zap.Stringer("to", level), zap.Duration("for", lasting))
	}
	return l
}

// Dropped returns how many lines were left out of the log so far.
func (l *Logger) Dropped() uint64 { return l.dropped.Load() }

// Close writes how many lines were left out, and what still waits. No line may
// be written afterwards.
func (l *Logger) Close() {
	l.Level.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samplers {
		s.report()
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
	const layout = "2006-01-02T15:04:05.000000Z"
	if json, ok := into.(interface{ AppendTimeLayout(time.Time, string) }); ok {
		json.AppendTimeLayout(t.UTC(), layout) // without a string of its own
		return
	}
	into.AppendString(t.UTC().Format(layout))
}

// problemsFirst is how many lines of a second net/http may write before they are
// sampled.
const problemsFirst = 100

// NewStdLogger returns a log.Logger that writes each line to l as a warning with
// message.
func NewStdLogger(l *Logger, message string) *log.Logger {
	return log.New(lineWriter{l, l.Sampler("problems in "+message, problemsFirst), message}, "", 0)
}

type lineWriter struct {
	log     *Logger
	sampler *Sampler
	message string
}

// Write implements io.Writer for one line.
func (w lineWriter) Write(line []byte) (int, error) {
	if entry := w.log.Check(zapcore.WarnLevel, w.message); entry != nil && w.sampler.Passes(w.message) {
		entry.Write(zap.String("problem", lineText(string(line))))
	}
	return len(line), nil
}

// Escape returns s unchanged if it is printable ASCII of at most limit bytes;
// otherwise it escapes its first limit bytes, so that they are harmless on a terminal
// too. It is for the log, spans and /readyz, which strangers must not make long:
// escape.Text, for what people read, keeps the whole text and its letters.
func Escape(s string, limit int) string {
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
