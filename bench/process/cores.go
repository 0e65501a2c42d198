package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Cores are the two cores of a measurement, by their numbers.
type Cores struct {
	Proxy string // of the proxies, only one of which is driven
	Load  string // of everything else
}

// ChooseCores returns two cores that this process may use, and moves this process to that
// of the load. On a machine with one core, both are the same.
func ChooseCores() (Cores, error) {
	allowed, err := allowedCores()
	if err != nil {
		return Cores{}, fmt.Errorf("finding out the cores: %w", err)
	}
	c := Cores{Proxy: strconv.Itoa(allowed[len(allowed)-1]), Load: strconv.Itoa(allowed[0])}
	output, err := exec.Command("taskset", "-a", "-c", "-p", c.Load, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return Cores{}, fmt.Errorf("taskset (Debian: util-linux): %w: %s", err, output)
	}
	return c, nil
}

// allowedCores returns at most the first two cores that this process may use.
func allowedCores() ([]int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ := strings.Cut(rest, "\n")
	var allowed []int
	for span := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, isRange := strings.Cut(span, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, otherErr := strconv.Atoi(to)
		if err := errors.Join(err, otherErr); err != nil {
			return nil, err
		}
		for core := first; core <= last && len(allowed) < 2; core++ {
			allowed = append(allowed, core)
		}
	}
	return allowed, nil
}
