package api

import (
	"net/http"
	"time"

	"originwarden/api/refusals"
	"originwarden/origins"
)

// refusedDocument lists the tenant's refused origins.
type refusedDocument struct {
	Data []refusedOrigin `json:"data"`
}

type refusedOrigin struct {
	Origin  string        `json:"origin"`
	Reason  string        `json:"reason"`
	Count   uint64        `json:"count"`
	First   time.Time     `json:"first"`
	Last    time.Time     `json:"last"`
	Path    string        `json:"path"`
	OwnHost bool          `json:"ownHost,omitzero"`
	Nearest *nearestEntry `json:"nearest,omitempty"`
}

// nearestEntry is the entry of the tenant that is nearest to a refused origin.
type nearestEntry struct {
	Origin   string           `json:"origin"`
	Relation origins.Relation `json:"relation"`
}

// listRefused sends the origins that were refused recently, and the entries of
// the list in force that are nearest to them.
func (t *tenantRequest) listRefused(w *responseWriter, r *http.Request) error {
	document := refusedDocument{Data: []refusedOrigin{}}
	if t.Refusals != nil {
		list, err := t.Lists.List(r.Context(), t.tenant)
		if err != nil {
			list = origins.NewList(0, nil) // the refusals are of use without it
		}
		for _, refused := range t.Refusals.List(t.tenant) {
			document.Data = append(document.Data, newRefusedOrigin(refused, list, t.permittedPatterns()))
		}
	}
	return w.sendJSON(http.StatusOK, document)
}

func newRefusedOrigin(r refusals.Refusal, list *origins.List, patterns origins.Patterns) refusedOrigin {
	d := refusedOrigin{
		Origin: r.Origin, Reason: string(r.Reason), Count: r.Count, Path: r.Path, OwnHost: r.OwnHost,
		First: r.First.UTC().Truncate(time.Second), Last: r.Last.UTC().Truncate(time.Second),
	}
	if !origins.WellFormed(r.Origin) || r.Reason == origins.MethodNotAllowed || r.Reason == origins.HeaderNotAllowed {
		return d // with the last two the origin is listed
	}
	if miss := list.Nearest(r.Origin, patterns); miss.Relation != "" {
		d.Nearest = &nearestEntry{miss.Entry, miss.Relation}
	}
	return d
}
