package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine is what was measured on.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Memory    string `json:"memory"`
	Kernel    string `json:"kernel"`
}

// String returns the machine in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s of memory, %s", m.Processor, m.Cores, m.Memory, m.Kernel)
}

func thisMachine() Machine {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return Machine{
		Processor: lineOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: lineOf("/proc/meminfo", "MemTotal"),
		Kernel: runtime.GOOS + " " + strings.TrimSpace(string(kernel)),
	}
}

// lineOf returns the value of the first line with the name.
func lineOf(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
