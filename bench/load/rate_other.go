//go:build !linux

package load

import (
	"context"
	"errors"
	"time"
)

// SendAtRate needs Linux.
func SendAtRate(context.Context, Target, float64, time.Duration) (Result, error) {
	return Result{}, errors.ErrUnsupported
}
