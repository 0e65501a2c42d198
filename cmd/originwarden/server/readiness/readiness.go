// Package readiness reports whether the gateway takes requests, how current its
// lists are, and what is wrong although it serves.
package readiness

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/upstreams"
	"originwarden/lists"
	"originwarden/store"
)

// State is what /readyz reports. Its functions and Earlier are set before use;
// then it may be used concurrently.
type State struct {
	Lists     func() lists.State
	Writes    func() store.WriteStatus
	Upstreams func() []upstreams.Status
	// Earlier is what shows that there was another store before this one, which
	// was new at the start, or "".
	Earlier string

	mu      sync.Mutex
	serving bool
	stopped bool
	missing string // why there are no lists, or ""
}

// Document is the response of /readyz.
type Document struct {
	Ready bool `json:"ready"`
	// Revision is the one in force, and Age how many seconds ago it was known to
	// be the store's newest: null if it never was.
	Revision uint64   `json:"revision"`
	Age      *float64 `json:"age"`
	// Problem is why the gateway is not ready, or what else is wrong.
	Problem string `json:"problem,omitempty"`
	Store   Store  `json:"store"`
	// Upstreams are at most a hundred of the tenants' upstreams, those that are
	// down first. They do not affect readiness.
	Upstreams []upstreams.Status `json:"upstreams"`
}

// Store is the store in a Document.
type Store struct {
	Up bool `json:"up"`
	// Identity is that of the store whose revision is in force.
	Identity string `json:"identity,omitempty"`
	// Revision is the newest that the store has reported.
	Revision uint64 `json:"revision"`
	// WriteProblem is why writes fail.
	WriteProblem store.Cause `json:"writeProblem,omitempty"`
	// Reset is the store that was found in place of the known one.
	Reset *Reset `json:"reset,omitempty"`
}

// Reset is the position of a store that was reset.
type Reset struct {
	Identity string `json:"identity,omitempty"`
	Revision uint64 `json:"revision"`
}

// SetServing marks the gateway as serving.
func (s *State) SetServing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = true
}

// SetStopping marks the gateway as stopping, for good.
func (s *State) SetStopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// SetListsError records why the lists could not be loaded, if the store is
// missing. Other causes show in the state of the lists.
func (s *State) SetListsError(err error) {
	if !errors.Is(err, store.ErrMissing) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = logs.Escape(err.Error(), logs.MaxError)
}

// Problem returns why the gateway is not ready, or "".
func (s *State) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return "stopping"
	case !s.serving:
		return "starting"
	case !s.Lists().Loaded:
		return "there are no lists: " + cmp.Or(s.missing, "the store was not reached yet")
	}
	return ""
}

// ServeHTTP implements http.Handler. A store that is unreachable or read-only
// leaves the gateway ready: the lists in memory are in force.
func (s *State) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	document := s.Document()
	status := http.StatusOK
	if !document.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(document)
}

// Document returns the present state.
func (s *State) Document() Document {
	problem, held, writes := s.Problem(), s.Lists(), s.Writes()
	d := Document{
		Ready: problem == "", Problem: problem, Revision: held.InForce.Revision,
		Store:     Store{Up: held.Up, Identity: held.InForce.Store, Revision: held.Newest},
		Upstreams: s.Upstreams(),
	}
	if !held.Confirmed.IsZero() {
		age := time.Since(held.Confirmed).Seconds()
		d.Age = &age
	}
	if held.Reset != nil {
		d.Store.Reset = &Reset{held.Reset.Found.Store, held.Reset.Found.Revision}
	}
	if writes.Problem != nil {
		d.Store.WriteProblem = writes.Problem.Cause
	}
	if d.Problem == "" {
		d.Problem = strings.Join(s.warnings(held, writes.Problem, (*store.WriteError).Error), "; ")
	}
	return d
}

// Problems returns why the gateway is not ready, or else what is wrong although it
// serves. A failed write has no details: sizes in them would change at every try.
func (s *State) Problems() []string {
	if problem := s.Problem(); problem != "" {
		return []string{problem}
	}
	return s.warnings(s.Lists(), s.Writes().Problem, func(e *store.WriteError) string { return e.Cause.Text() })
}

// warnings returns what is wrong although the gateway serves.
func (s *State) warnings(held lists.State, write *store.WriteError, describe func(*store.WriteError) string) (all []string) {
	if problem := storeProblem(held, write, describe); problem != "" {
		all = append(all, problem)
	} else if s.Earlier != "" && held.InForce.Store != "" && held.InForce.Revision == 0 {
		all = append(all, "the store is new and empty, but there was another one: "+s.Earlier)
	}
	if held.NotKept != nil {
		all = append(all, "saving the lists to disk failed: "+logs.Escape(held.NotKept.Error(), logs.MaxError))
	}
	return all
}

// storeProblem returns what is wrong with the store, or "". Writes that fail
// because it is unreachable add nothing to that.
func storeProblem(held lists.State, write *store.WriteError, describe func(*store.WriteError) string) string {
	switch {
	case held.Reset != nil:
		return held.Reset.Error()
	case write != nil && (held.Up || write.Cause != store.CauseUnreachable):
		return "no writes: " + logs.Escape(describe(write), logs.MaxError)
	case !held.Up:
		return "the store is unreachable"
	}
	return ""
}
