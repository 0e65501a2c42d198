package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Undo is a request to undo a change.
type Undo struct {
	// Force also undoes later changes of the same name or origins.
	Force bool `json:"force"`
	// DryRun only says what would be done.
	DryRun bool `json:"dryRun"`
	// IfMatch, unless it is empty, is the ETag of the response to a dry run, or that of
	// an Error which matches ErrConflict: then no change is undone that was made since.
	IfMatch string `json:"-"`
}

// Undone is what an undo did to a web integration, or with DryRun would do.
type Undone struct {
	// Operation is created, updated or deleted.
	Operation string `json:"operation"`
	// ID is that of the web integration. One that was deleted is created with another
	// id; a dry run has none for it.
	ID string `json:"id"`
	// Name is that after the undo, or before the deletion.
	Name string `json:"name"`
	// Added and Removed are the entries that were added and removed.
	Added   []string `json:"added"`
	Removed []string `json:"removed"`

	// Response has a Revision, or with DryRun an ETag.
	Response `json:"-"`
}

func (u *Undone) check() error {
	if u.Operation == "" {
		return errors.New("an undo without an operation")
	}
	return nil
}

// UndoChange undoes the change of an ID, and nothing else. If later changes would be
// undone too, or nothing can be undone, the error matches ErrConflict, and is an *Error
// with a Problem for each thing that was changed again. If there is no such change it
// matches ErrNotFound. Only originwarden has this call.
func (c *Client) UndoChange(ctx context.Context, id string, u Undo) (Undone, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return Undone{}, err
	}
	location := strings.TrimSuffix(collection, "s") + "-changes/" + url.PathEscape(id) + "/undo"
	var undone Undone
	undone.Response, err = c.callJSON(ctx, apiCall{method: http.MethodPost, url: location, success: http.StatusOK, body: u, ifMatch: u.IfMatch}, &undone)
	if err != nil {
		return Undone{}, err
	}
	return undone, nil
}
