package main

import (
	"io"
	"log"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
)

// newLogger returns the logger of a service, which writes to stderr.
func newLogger(cfg config.Log, stderr io.Writer) *zap.Logger {
	keys := zapcore.EncoderConfig{
		TimeKey:        "ts",
		LevelKey:       "level",
		MessageKey:     "msg",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	encoder := zapcore.NewJSONEncoder(keys)
	if cfg.Format == config.Console {
		encoder = zapcore.NewConsoleEncoder(keys)
	}
	out := zapcore.Lock(zapcore.AddSync(stderr))
	return zap.New(zapcore.NewCore(encoder, out, zapcore.Level(cfg.Level)), zap.ErrorOutput(out))
}

func encodeTime(t time.Time, into zapcore.PrimitiveArrayEncoder) {
	into.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// sampled returns a logger for what anybody can cause at any rate. Of the lines
// of a second with one level and message it writes the first ones, and then
// every hundredth.
func sampled(l *zap.Logger, first int) *zap.Logger {
	return l.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, first, 100)
	}))
}

// linesOf returns a standard logger whose lines become warnings called message.
// What net/http reports may hold what a client sent.
func linesOf(l *zap.Logger, message string) *log.Logger {
	return log.New(lineWriter{sampled(l, 100), message}, "", 0)
}

type lineWriter struct {
	log     *zap.Logger
	message string
}

// Write implements io.Writer for one line.
func (w lineWriter) Write(line []byte) (int, error) {
	if entry := w.log.Check(zapcore.WarnLevel, w.message); entry != nil {
		entry.Write(zap.String("problem", bounded(strings.TrimSuffix(string(line), "\n"), 4096)))
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
