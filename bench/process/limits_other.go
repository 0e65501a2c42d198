//go:build !linux

package process

import "os/exec"

func endWithParent(*exec.Cmd) {}

// MaxFiles returns how many files this process and those that it starts may open.
func MaxFiles() int { return 1024 }
