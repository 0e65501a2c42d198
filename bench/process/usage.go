package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const clockTick = 10 * time.Millisecond // of /proc/PID/stat, on every Linux that Go supports

// CPUTime returns the time that the process has used, in user and system mode.
func (p *Process) CPUTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses, which may contain spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, otherErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err, otherErr)
}

// Memory returns the resident memory of the process in bytes.
func (p *Process) Memory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no memory", p.command.Process.Pid)
	}
	kilobytes, err := strconv.Atoi(fields[0])
	return float64(kilobytes) * 1024, err
}

// SettledMemory waits until the memory changes by less than one percent in a second, and
// returns it.
func (p *Process) SettledMemory(ctx context.Context) (float64, error) {
	for last := 0.0; ; {
		memory, err := p.Memory()
		if err != nil || max(memory, last)-min(memory, last) < last/100 {
			return memory, err
		}
		last = memory
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
