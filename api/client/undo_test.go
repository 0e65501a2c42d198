package client_test

import (
	"errors"
	"strings"
	"testing"

	"originwarden/api/client"
)

// A client that was told of the later changes can undo these, too, and no others.
func TestUndoChange_UndoesWhatTheClientWasToldOf(t *testing.T) {
	c := newAPIClient(t)
	w, err := c.Create(t.Context(), "Shop", []string{"https://a.example"})
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	set := func(origins ...string) {
		if _, err := c.Patch(t.Context(), w.ID, []client.Operation{client.ReplaceValidOrigins(origins...)}, ""); err != nil {
			t.Fatal(err)
		}
		last, err := c.ChangePage(t.Context(), client.ChangeOptions{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, last.Changes[0].ID)
	}
	set("https://a.example", "https://b.example", "https://c.example")
	set("https://a.example", "https://b.example")
	_, err = c.UndoChange(t.Context(), changes[0], client.Undo{})
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || !errors.Is(err, client.ErrConflict) || refused.ETag == "" || len(refused.Errors) != 1 || !strings.Contains(string(refused.Errors[0].Meta), `"changeId":"`+changes[1]+`"`) {
		t.Fatalf("error %#v, want one that names %s", err, changes[1])
	}
	set("https://b.example")
	if _, err := c.UndoChange(t.Context(), changes[0], client.Undo{Force: true, IfMatch: refused.ETag}); !errors.Is(err, client.ErrPreconditionFailed) {
		t.Errorf("error %v, want ErrPreconditionFailed", err)
	}
	dry, err := c.UndoChange(t.Context(), changes[0], client.Undo{Force: true, DryRun: true})
	if err != nil || dry.ETag == "" || dry.Revision != 0 {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	done, err := c.UndoChange(t.Context(), changes[0], client.Undo{Force: true, IfMatch: dry.ETag})
	if err != nil || done.Operation != "updated" || done.ID != w.ID || done.Revision == 0 || strings.Join(done.Removed, " ") != "https://b.example" {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := c.UndoChange(t.Context(), "999", client.Undo{}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if _, err := c.UndoChange(t.Context(), "../../x?", client.Undo{}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}
