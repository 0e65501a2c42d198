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

// stalled is what reads nothing until it is released.
type stalled struct {
	*bytes.Buffer
	release chan struct{}
}

func (s stalled) Write(p []byte) (int, error) {
	<-s.release
	return s.Buffer.Write(p)
}

func TestOutlet_MakesNobodyWaitForItsReader(t *testing.T) {
	to := stalled{new(bytes.Buffer), make(chan struct{})}
	dropped, told := 0, make(chan int, 1)
	o := newOutlet(to, func() { dropped++ }, func(lines int) { told <- lines })
	line := strings.Repeat("x", 1<<10-1) + "\n"
	const lines = 3 * maxWaiting >> 10
	for range lines {
		io.WriteString(o, line)
	}
	close(to.release)
	if got := <-told; got != dropped || dropped < lines/3 {
		t.Errorf("it tells of %d lines that it dropped, of %d", got, dropped)
	}
	io.WriteString(o, "again\n")
	o.close()
	text := to.String()
	if kept := strings.Count(text, line); kept != lines-dropped || !strings.HasSuffix(text, line+"again\n") {
		t.Errorf("it kept %d lines of %d and dropped %d", kept, lines, dropped)
	}
}

func TestOutlet_EndsWithoutItsReader(t *testing.T) {
	to := stalled{new(bytes.Buffer), make(chan struct{})}
	o := newOutlet(to, func() {}, func(int) {})
	io.WriteString(o, "a line\n")
	begun := time.Now()
	o.close()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	close(to.release)
	<-o.ended
}

// TestLogger_GoesOnWhenNobodyReadsIt is about a pipe that is full.
func TestLogger_GoesOnWhenNobodyReadsIt(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := NewNonblocking(config.Log{}, write)
	for n := range 20_000 { // far more than a pipe and the outlet hold
		log.Info(fmt.Sprint("line ", n, strings.Repeat(".", 200)))
	}
	if log.dropped.Load() == 0 {
		t.Error("it counts none as dropped")
	}
	log.Close()
	read.Close() // what was stuck in it fails
	<-log.out.ended
	write.Close()
}
