package logs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
)

// blockingWriter blocks until release is closed.
type blockingWriter struct {
	*bytes.Buffer
	release chan struct{}
}

func (w blockingWriter) Write(p []byte) (int, error) {
	<-w.release
	return w.Buffer.Write(p)
}

func TestOutlet_DropsLinesIfReaderIsSlow(t *testing.T) {
	to := blockingWriter{new(bytes.Buffer), make(chan struct{})}
	dropped, lost := 0, make(chan int, 1)
	o := newOutlet(to, func() { dropped++ }, func(lines int) { lost <- lines })
	line := strings.Repeat("x", 1<<10-1) + "\n"
	const lines = 3 * maxWaiting >> 10
	for range lines {
		io.WriteString(o, line)
	}
	close(to.release)
	reported := 0
	for reported < dropped { // in parts, if the first lines were collected slowly
		reported += <-lost
	}
	if reported != dropped || dropped < lines/3 {
		t.Errorf("reported %d lost lines, dropped %d of %d", reported, dropped, lines)
	}
	io.WriteString(o, "again\n")
	o.close()
	text := to.String()
	if kept := strings.Count(text, line); kept != lines-dropped || !strings.HasSuffix(text, line+"again\n") {
		t.Errorf("wrote %d lines of %d, dropped %d, want the others and the last line", kept, lines, dropped)
	}
}

func TestOutlet_ClosesWithoutReader(t *testing.T) {
	to := blockingWriter{new(bytes.Buffer), make(chan struct{})}
	o := newOutlet(to, func() {}, func(int) {})
	io.WriteString(o, "a line\n")
	began := time.Now()
	o.close()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("close took %v, want at most 20s", took)
	}
	close(to.release)
	<-o.ended
}

func TestLogger_DoesNotBlockOnFullPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := NewNonblocking(config.Log{}, write)
	for n := range 20_000 { // far more than a pipe and the outlet hold
		log.Info(fmt.Sprint("line ", n, strings.Repeat(".", 200)))
	}
	if log.dropped.Load() == 0 {
		t.Error("no dropped lines were counted")
	}
	log.Close()
	read.Close() // ends the blocked write
	<-log.out.ended
	write.Close()
}
