package admin

import (
	"fmt"
	"strings"
)

// readiness is what the commands read of the answer of /readyz.
type readiness struct {
	Revision uint64   `json:"revision"`
	Age      *float64 `json:"age"` // seconds; nil: never confirmed
	Problem  string   `json:"problem"`
	Store    struct {
		Identity string    `json:"identity"`
		Reset    *struct{} `json:"reset"`
	} `json:"store"`
}

// hasRevision reports whether the revision belongs to a store that was not reset.
func (r *readiness) hasRevision() bool { return r.Store.Identity != "" && r.Store.Reset == nil }

// String returns a line for the output of wait.
func (r *readiness) String() string {
	parts := []string{"no revision yet"}
	if r.Store.Identity != "" {
		parts[0] = fmt.Sprintf("revision %d of store %s", r.Revision, r.Store.Identity)
	}
	if r.Age != nil {
		parts = append(parts, fmt.Sprintf("confirmed %.1fs before", *r.Age))
	}
	if r.Problem != "" {
		parts = append(parts, r.Problem)
	}
	return strings.Join(parts, ", ")
}
