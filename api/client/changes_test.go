package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"originwarden/api/client"
)

func TestChanges_ReadsAllPagesInOrder(t *testing.T) {
	c := newAPIClient(t)
	var want []string
	for i := range 7 {
		w, err := c.Create(t.Context(), fmt.Sprint(i), []string{"https://a.example"})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, w.ID)
	}
	zero := uint64(0)
	var got []client.Change
	for change, err := range c.Changes(t.Context(), client.ChangeOptions{Limit: 2, Since: &zero}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, change)
	}
	if len(got) != len(want) {
		t.Fatalf("%d changes, want %d", len(got), len(want))
	}
	for i, change := range got {
		if change.Data.ID != want[i] || change.Type != client.ChangeCreated || change.UserID != "ops" || change.TenantID != "acme" || change.Time.IsZero() ||
			change.ID != fmt.Sprint(change.Data.Revision) || len(change.Data.Updates) != 2 || string(change.Data.Updates[1].NewValue) != `["https://a.example"]` {
			t.Errorf("change %d: %+v", i, change)
		}
	}
	page, err := c.ChangePage(t.Context(), client.ChangeOptions{Integration: want[3], Origin: "https://a.example", StartingAfter: got[4].ID})
	if err != nil || len(page.Changes) != 1 || page.Changes[0].Data.ID != want[3] || page.Next != "" || len(page.Raw) == 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestChanges_EndsAfterAnError(t *testing.T) {
	for name, row := range map[string]struct {
		body, want string
		is         error
	}{
		"page without data":     {`{}`, "a page without data", nil},
		"change without an id":  {`{"data":[{"data":{"id":"x"}}]}`, "a change without an id", nil},
		"empty page with next":  {`{"data":[],"links":{"next":{"href":"SERVER/x"}}}`, "the page is empty", nil},
		"next on other server":  {`{"data":[{"id":"1","data":{"id":"x"}}],"links":{"next":{"href":"https://other.example/"}}}`, "", client.ErrOtherServer},
		"page that is not JSON": {`<html>`, "decoding the response", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, strings.ReplaceAll(row.body, "SERVER", "http://"+r.Host))
			}))
			var last error
			n := 0
			for _, err := range c.Changes(t.Context(), client.ChangeOptions{}) {
				last = err
				n++
			}
			if last == nil || !strings.Contains(last.Error(), row.want) || row.is != nil && !errors.Is(last, row.is) || n > 2 {
				t.Errorf("%v after %d, want %q", last, n, row.want)
			}
		})
	}
}
