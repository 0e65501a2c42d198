package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"originwarden/cmd/originwarden/logs"
	"originwarden/lists"
	"originwarden/store"
)

// readiness tells whether the service takes requests, and how current its lists
// are. It may be used concurrently.
type readiness struct {
	state     func() lists.State
	writes    func() store.WriteStatus
	upstreams func() []upstreamDocument

	// trace says what tells of another store, if the store was new at the start.
	trace string

	mu    sync.Mutex
	phase string // why it does not serve, or ""
	cause string // why there are no lists, or ""
}

// readinessDocument is the answer of /readyz.
type readinessDocument struct {
	Ready bool `json:"ready"`
	// Revision is the one in force, and Age how many seconds ago it was known to
	// be the store's newest: null when it never was.
	Revision uint64   `json:"revision"`
	Age      *float64 `json:"age"`
	// Problem says why it is not ready, or what else is wrong.
	Problem string        `json:"problem,omitempty"`
	Store   storeDocument `json:"store"`
	// Upstreams are those of the tenants, at most a hundred, of which those that
	// are not up come first. They make nobody unready.
	Upstreams []upstreamDocument `json:"upstreams"`
}

// storeDocument is the store in the answer of /readyz.
type storeDocument struct {
	Up bool `json:"up"`
	// Identity is that of the store whose revision is in force.
	Identity string `json:"identity,omitempty"`
	// Revision is the newest that the store told.
	Revision uint64 `json:"revision"`
	// WriteProblem is the cause for which it makes no writes.
	WriteProblem store.Cause `json:"write_problem,omitempty"`
	// Reset says what is there in the place of the store that was known.
	Reset *resetDocument `json:"reset,omitempty"`
}

type resetDocument struct {
	Identity string `json:"identity,omitempty"`
	Revision uint64 `json:"revision"`
}

func newReadiness(state func() lists.State, writes func() store.WriteStatus, upstreams func() []upstreamDocument) *readiness {
	return &readiness{state: state, writes: writes, upstreams: upstreams, phase: "starting"}
}

// set says why the service does not serve, or that it does by "".
func (r *readiness) set(phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = phase
}

// noLists says why there are no lists, if there are none.
func (r *readiness) noLists(err error) {
	if !errors.Is(err, store.ErrMissing) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cause = logs.Escape(err.Error(), logs.LongestError)
}

// problem says why the service is not ready, or "".
func (r *readiness) problem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == "" && !r.state().Loaded {
		return "there are no lists: " + cmp.Or(r.cause, "the store was not reached yet")
	}
	return r.phase
}

// ServeHTTP implements http.Handler. A store that does not answer, or makes no
// writes, makes nobody unready: the lists in memory are in force.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	document := r.document()
	status := http.StatusOK
	if !document.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, document)
}

func (r *readiness) document() readinessDocument {
	problem, s, writes := r.problem(), r.state(), r.writes()
	d := readinessDocument{
		Ready: problem == "", Problem: problem, Revision: s.InForce.Revision,
		Store:     storeDocument{Up: s.Up, Identity: s.InForce.Store, Revision: s.Newest},
		Upstreams: r.upstreams(),
	}
	if !s.Confirmed.IsZero() {
		age := time.Since(s.Confirmed).Seconds()
		d.Age = &age
	}
	if s.Reset != nil {
		d.Store.Reset = &resetDocument{s.Reset.Found.Store, s.Reset.Found.Revision}
	}
	if writes.Problem != nil {
		d.Store.WriteProblem = writes.Problem.Cause
	}
	if d.Problem == "" {
		d.Problem = strings.Join(r.troubles(s, writes.Problem), "; ")
	}
	return d
}

// troubles are what is wrong although it serves.
func (r *readiness) troubles(s lists.State, write *store.WriteError) (all []string) {
	if problem := storeProblem(s, write); problem != "" {
		all = append(all, problem)
	} else if r.trace != "" && s.InForce.Store != "" && s.InForce.Revision == 0 {
		all = append(all, "the store is new, empty, and there was another one: "+r.trace)
	}
	if s.NotKept != nil {
		all = append(all, "the lists could not be kept on disk: "+logs.Escape(s.NotKept.Error(), logs.LongestError))
	}
	return all
}

// storeProblem says what is wrong with the store, or "". That it does not answer
// says more than that writes fail, unless they tell why.
func storeProblem(s lists.State, write *store.WriteError) string {
	switch {
	case s.Reset != nil:
		return s.Reset.Error()
	case write != nil && (s.Up || write.Cause != store.CauseUnreachable):
		return "no writes: " + logs.Escape(write.Error(), logs.LongestError)
	case !s.Up:
		return "the store does not answer"
	}
	return ""
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(document)
}
