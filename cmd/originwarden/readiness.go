package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"originwarden/store"
)

// readiness tells whether the service takes requests, and how current its lists
// are. It may be used concurrently.
type readiness struct {
	store   store.Store
	timeout time.Duration

	mu        sync.Mutex
	problem   string // why it is not ready, or ""
	revision  uint64
	confirmed time.Time // when the store told the revision
}

// readinessDocument is the answer of /readyz.
type readinessDocument struct {
	Ready bool `json:"ready"`
	// Revision is the one in force, and Age how many seconds ago the store
	// confirmed it.
	Revision uint64  `json:"revision"`
	Age      float64 `json:"age"`
	// Problem says why it is not ready, or what else is wrong.
	Problem string `json:"problem,omitempty"`
}

func newReadiness(s store.Store, timeout time.Duration) *readiness {
	return &readiness{store: s, timeout: timeout, problem: "starting", confirmed: time.Now()}
}

// set says why the service is not ready, or that it is by "".
func (r *readiness) set(problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = problem
}

// ServeHTTP implements http.Handler. A store that does not answer makes nobody
// unready: the lists in memory are in force.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), r.timeout)
	defer cancel()
	revision, err := r.store.Revision(ctx)
	document := r.document(revision, err)
	status := http.StatusOK
	if !document.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, document)
}

func (r *readiness) document(revision uint64, err error) readinessDocument {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := readinessDocument{Ready: r.problem == "", Problem: r.problem}
	if err == nil {
		r.revision, r.confirmed = revision, time.Now()
	} else if d.Ready {
		d.Problem = "the store does not answer"
	}
	d.Revision, d.Age = r.revision, time.Since(r.confirmed).Seconds()
	return d
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(document)
}
