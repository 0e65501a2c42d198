package heartbeat

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"originwarden/store"
)

// Document has the gateways of a fleet.
type Document struct {
	Gateways []store.Heartbeat `json:"gateways"`
}

// Write writes the Document of a fleet, or returns the error of its store, which does
// not answer within timeout.
func Write(ctx context.Context, w http.ResponseWriter, fleet store.Fleet, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	beats, err := fleet.Gateways(ctx)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Document{append([]store.Heartbeat{}, beats...)}) // fails if the client is gone
	return nil
}
