package history_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/history"
)

func TestNewRecord_HasOneUpdatePerEntry(t *testing.T) {
	for name, row := range map[string]struct{ before, after, want string }{
		"NothingChanged":  {"a b", "a b", ""},
		"AddedLast":       {"a", "a b", "+1b"},
		"AddedFirst":      {"a", "b a", "+0b"},
		"RemovedFirst":    {"a b c", "b c", "-0a"},
		"RemovedAll":      {"a b", "", "-0a -1b"},
		"Replaced":        {"a b c", "a x c", "-1b +1x"},
		"MovedToTheEnd":   {"a b c d", "b c d a", "-0a +3a"},
		"MovedToTheFront": {"a b c d", "d a b c", "-3d +0d"},
		"Swapped":         {"a b", "b a", "-0a +1a"},
		"Doubled":         {"a b", "a b a", "+2a"},
		"OneOfTwoRemoved": {"a b a", "a b", "-2a"},
		"Much":            {"a b c d e f", "x b d c f a", "-0a -3d -4e +0x +2d +5a"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := newIntegration("Shop", row.before), newIntegration("Shop", row.after)
			r := history.NewRecord(context.Background(), &before, &after)
			var got []string
			v := history.Read(&r)
			for _, entry := range v.Removed {
				got = append(got, fmt.Sprintf("-%d%s", entry.Index, entry.Text))
			}
			for _, entry := range v.Added {
				got = append(got, fmt.Sprintf("+%d%s", entry.Index, entry.Text))
			}
			if text := strings.Join(got, " "); r.Operation != store.Updated || len(got) != len(r.Updates) || text != row.want && name != "Much" && name != "Swapped" {
				t.Errorf("%s with %d updates: %s, want %s", r.Operation, len(r.Updates), text, row.want)
			}
			if undone := undo(t, r, after); !slices.Equal(undone, before.ValidOrigins) && !hasDoubles(before, after) {
				t.Errorf("undone: %q", undone)
			}
		})
	}
}

func hasDoubles(all ...store.WebIntegration) bool {
	for _, w := range all {
		if sorted := slices.Sorted(slices.Values(w.ValidOrigins)); len(slices.Compact(sorted)) < len(w.ValidOrigins) {
			return true
		}
	}
	return false
}

// undo returns the origins after an undo, or current if there is nothing to undo.
func undo(t *testing.T, r store.Record, current store.WebIntegration) []string {
	t.Helper()
	u, err := history.NewUndo(r, &current, nil, false)
	if errors.Is(err, history.ErrNothingToUndo) {
		return current.ValidOrigins
	}
	if err != nil {
		t.Fatal(err)
	}
	return u.ValidOrigins
}

func TestNewRecord_HasWholeListsOfCreationsAndDeletions(t *testing.T) {
	w := newIntegration("<Shop>", "https://a.example https://b.example")
	ctx := store.WithIssuer(store.WithAuthor(t.Context(), "ann"), "https://issuer.example")
	created, deleted := history.NewRecord(ctx, nil, &w), history.NewRecord(ctx, &w, nil)
	if got, want := fmt.Sprintf("%s", created.Updates), `[{/name  "<Shop>"} {/validOrigins  ["https://a.example","https://b.example"]}]`; got != want {
		t.Errorf("created: %s, want %s", got, want)
	}
	if got, want := fmt.Sprintf("%s", deleted.Updates), `[{/name "<Shop>" } {/validOrigins ["https://a.example","https://b.example"] }]`; got != want {
		t.Errorf("deleted: %s, want %s", got, want)
	}
	for _, r := range []store.Record{created, deleted} {
		if r.Subject != "ann" || r.Issuer != "https://issuer.example" || r.Tenant != "acme" || r.Integration != w.ID || r.Name != "<Shop>" {
			t.Errorf("%+v", r)
		}
	}
}

func TestEncode_KeepsWhatFits(t *testing.T) {
	for _, row := range []struct {
		name       string
		entries    int
		compresses bool
		want       *store.Omitted
	}{
		{"few entries are kept", 3, true, nil},
		{"ten thousand similar entries are kept, compressed", 10_000, true, nil},
		{"entries that remain too long are counted", 10_000, false, &store.Omitted{Added: 10_000}},
		{"a list that is not even compressed is counted", 400_000, true, &store.Omitted{Added: 400_000}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newIntegration("Shop", "")
			for i := range row.entries {
				entry := fmt.Sprintf("https://host-%04d.example.com", i)
				if !row.compresses {
					entry = "https://" + strings.ToLower(rand.Text()) + ".example.com"
				}
				w.ValidOrigins = append(w.ValidOrigins, entry)
			}
			r := history.NewRecord(store.WithAuthor(t.Context(), "ann"), nil, &w)
			encoded := history.Encode(r)
			got := store.Record{Time: r.Time, Tenant: r.Tenant, Integration: r.Integration}
			if err := history.Decode(encoded, &got); err != nil {
				t.Fatal(err)
			}
			if len(encoded) > history.MaxBytes || !reflect.DeepEqual(got.Omitted, row.want) {
				t.Fatalf("%d bytes, omitted %+v, want %+v", len(encoded), got.Omitted, row.want)
			}
			if row.want == nil && !reflect.DeepEqual(got, r) {
				t.Errorf("got %+v, want %+v", got, r)
			}
			if row.want != nil && (len(got.Updates) != 1 || got.Updates[0].Path != "/name" || got.Subject != "ann") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDecode_RefusesDamagedRecords(t *testing.T) {
	for _, encoded := range []string{"", "{", "\x1f\x8b", "text"} {
		if err := history.Decode([]byte(encoded), new(store.Record)); err == nil {
			t.Errorf("%q was decoded", encoded)
		}
	}
}

func TestRecordID_IsReversible(t *testing.T) {
	for id, valid := range map[string]bool{
		"1": true, "57": true, "57-1": true, "57-12": true,
		"": false, "0": true, "57-0": false, "057": false, "57-": false, "57-01": false, "57-1-1": false, "x": false, "-1": false,
		"+57": false, "99999999999999999999": false,
	} {
		if revision, n, ok := store.ParseRecordID(id); ok != valid || ok && store.RecordID(revision, n) != id {
			t.Errorf("%q: %d, %d, %t", id, revision, n, ok)
		}
	}
}

func newIntegration(name, entries string) store.WebIntegration {
	return store.WebIntegration{
		ID: strings.Repeat("A", 32), TenantID: "acme", Name: name, CreatedBy: "ops", Revision: 1,
		ValidOrigins: strings.Fields(entries),
	}
}
