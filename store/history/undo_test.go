package history_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/history"
)

// past is a sequence of writes to one web integration, and their records.
type past struct {
	records []store.Record
	current *store.WebIntegration
}

// write appends a write: entries, with another name in front of a colon, or "-" to
// delete.
func (p *past) write(text string) {
	name, entries, renames := strings.Cut(text, ":")
	if !renames {
		name, entries = "Shop", text
	}
	before := p.current
	revision := uint64(len(p.records) + 1)
	if p.current = nil; text != "-" {
		w := newIntegration(name, entries)
		w.Revision = revision
		p.current = &w
	}
	r := history.NewRecord(store.WithAuthor(context.Background(), "ann"), before, p.current)
	r.Revision, r.ID = revision, store.RecordID(revision, 0)
	p.records = append(p.records, r)
}

func TestNewUndo_UndoesOneChangeAlone(t *testing.T) {
	for name, row := range map[string]struct {
		writes []string
		undone int    // the place of the write to undo
		want   string // "name:entries", "-" for a deletion, or an error
		forced string // the same with force; "" means want
	}{
		"addition":                              {[]string{"a", "a b"}, 1, "Shop:a", ""},
		"removal":                               {[]string{"a b c", "a c"}, 1, "Shop:a b c", ""},
		"rename":                                {[]string{"a", "Store:a"}, 1, "Shop:a", ""},
		"rename and removal":                    {[]string{"a b", "Store:b"}, 1, "Shop:a b", ""},
		"move":                                  {[]string{"a b c", "b c a"}, 1, "Shop:a b c", ""},
		"creation":                              {[]string{"a"}, 0, "-", ""},
		"deletion":                              {[]string{"a b", "-"}, 1, "new Shop:a b", ""},
		"addition, after others":                {[]string{"a", "a b", "a b c", "x a b c"}, 1, "Shop:x a c", ""},
		"removal, after others":                 {[]string{"a b", "a", "", "c"}, 1, "Shop:c b", ""},
		"addition, after a rename":              {[]string{"a", "a b", "Store:a b"}, 1, "Store:a", ""},
		"rename, after other entries":           {[]string{"a", "Store:a", "Store:a b"}, 1, "Shop:a b", ""},
		"addition that was removed":             {[]string{"a", "a b", "a"}, 1, `b was changed again later, at revision 3 by "ann"`, "there is nothing to undo"},
		"addition that was removed and added":   {[]string{"a", "a b", "a", "a b"}, 1, `b was changed again later, at revision 4 by "ann"`, "Shop:a"},
		"removal that was added":                {[]string{"a b", "a", "a b"}, 1, `b was changed again later, at revision 3 by "ann"`, "there is nothing to undo"},
		"removal that was added and removed":    {[]string{"a b", "a", "a b", "a"}, 1, `b was changed again later, at revision 4 by "ann"`, "Shop:a b"},
		"rename before another":                 {[]string{"a", "Store:a", "Mall:a"}, 1, `the name was changed again later, at revision 3 by "ann"`, "Shop:a"},
		"creation before a change":              {[]string{"a", "a b"}, 0, `the web integration was changed again later, at revision 2 by "ann"`, "-"},
		"creation before a deletion":            {[]string{"a", "-"}, 0, "there is nothing to undo", ""},
		"change before a deletion":              {[]string{"a", "a b", "-"}, 1, "the web integration was deleted later; undo its deletion first", ""},
		"change of nothing":                     {[]string{"a", "a"}, 1, "there is nothing to undo", ""},
		"addition that an older version undid":  {[]string{"a", "a b", "!a"}, 1, "there is nothing to undo", ""},
		"removal that an older version undid":   {[]string{"a b", "a", "!a b"}, 1, "there is nothing to undo", ""},
		"rename before one of an older version": {[]string{"a", "Store:a", "!Mall:a"}, 1, "the name was changed again later", "Shop:a"},
		"creation before an older version":      {[]string{"a", "!a b"}, 0, "the web integration was changed again later", "-"},
		"creation before a change of nothing":   {[]string{"a", "a"}, 0, "-", ""},
		"creation before one without a record":  {[]string{"a", "!a"}, 0, "-", ""},
		"creation before a rename without one":  {[]string{"a", "!Store:a"}, 0, "the web integration was changed again later", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			var p past
			for _, text := range row.writes {
				text, unrecorded := strings.CutPrefix(text, "!")
				p.write(text)
				if unrecorded {
					p.records = p.records[:len(p.records)-1]
				}
			}
			r, later := p.records[row.undone], p.records[row.undone+1:]
			for force, want := range map[bool]string{false: row.want, true: row.forced} {
				if want == "" {
					want = row.want
				}
				u, err := history.NewUndo(r, p.current, later, force)
				if got := formatUndo(u, err); got != want {
					t.Errorf("with force %t: %s, want %s", force, got, want)
				}
			}
		})
	}
}

func formatUndo(u history.Undo, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case u.Operation == store.Deleted:
		return "-"
	case u.Operation == store.Created:
		return "new " + u.Name + ":" + strings.Join(u.ValidOrigins, " ")
	}
	return u.Name + ":" + strings.Join(u.ValidOrigins, " ")
}

func TestNewUndo_DoesNotCreateAgainTwice(t *testing.T) {
	var p past
	p.write("a")
	p.write("-")
	again := newIntegration("Shop", "a")
	again.ID = strings.Repeat("B", 32)
	recreated := history.NewRecord(t.Context(), nil, &again)
	recreated.ID = "9"
	_, err := history.NewUndo(p.records[1], nil, []store.Record{recreated}, false)
	if conflict, ok := errors.AsType[*history.ConflictError](err); !ok || conflict.Conflicts[0].By.ID != "9" {
		t.Errorf("error %v, want a conflict with 9", err)
	}
	if u, err := history.NewUndo(p.records[1], nil, []store.Record{recreated}, true); err != nil || u.Operation != store.Created {
		t.Errorf("with force: %+v, %v", u, err)
	}
}

func TestNewUndo_NeedsEntries(t *testing.T) {
	var p past
	p.write("a")
	p.write("a b")
	p.write("-")
	before := newIntegration("Shop", "a b")
	for i, want := range []error{nil, history.ErrOmitted, history.ErrOmitted} {
		current := &before
		if i == 2 {
			current = nil
		}
		_, err := history.NewUndo(history.Omit(p.records[i]), current, nil, false)
		if !errors.Is(err, want) {
			t.Errorf("record %d: %v, want %v", i, err, want)
		}
	}
	// A later record without entries may have changed any of them.
	_, err := history.NewUndo(p.records[1], &before, []store.Record{history.Omit(p.records[1])}, false)
	if _, ok := errors.AsType[*history.ConflictError](err); !ok {
		t.Errorf("error %v, want a conflict", err)
	}
}

func TestNewUndo_ComparesCanonicalForms(t *testing.T) {
	const (
		again  = `https://a.example was changed again later, at revision %d by "ann"`
		nought = "there is nothing to undo"
	)
	for name, row := range map[string]struct {
		writes       []string // of which the second is undone; ! marks one that has no record
		want, forced string
	}{
		"addition that was listed again otherwise": {[]string{"x", "x a", "x a A"}, fmt.Sprintf(again, 3), "Shop:x"},
		"addition that was listed twice":           {[]string{"x", "x a", "x a A", "A x a A:"}, fmt.Sprintf(again, 4), "Shop:x"},
		"addition that was spelled otherwise":      {[]string{"x", "x a", "A x"}, fmt.Sprintf(again, 3), "Shop:x"},
		"addition that was removed otherwise":      {[]string{"x", "x a", "x A", "x"}, fmt.Sprintf(again, 4), nought},
		"addition of what was listed otherwise":    {[]string{"A", "A a"}, "Shop:A", "Shop:A"},
		"... and was removed by an older version":  {[]string{"A", "A a", "!A"}, nought, nought},
		"removal that was listed again otherwise":  {[]string{"a x", "x", "x A"}, fmt.Sprintf(again, 3), nought},
		"removal of one of two spellings":          {[]string{"A a", "A"}, "Shop:A a", "Shop:A a"},
		"other spelling":                           {[]string{"a", "A"}, "Shop:a", "Shop:a"},
		"move of one of two spellings":             {[]string{"a x A", "x A a"}, "Shop:a x A", "Shop:a x A"},
	} {
		t.Run(name, func(t *testing.T) {
			spell := strings.NewReplacer("A:", "https://a.example:443/", "A", "https://A.example", "a", "https://a.example")
			var p past
			for _, text := range row.writes {
				text, unrecorded := strings.CutPrefix(text, "!")
				p.write("Shop:" + spell.Replace(text))
				if unrecorded {
					p.records = p.records[:len(p.records)-1]
				}
			}
			for force, want := range map[bool]string{false: row.want, true: row.forced} {
				if name, entries, isList := strings.Cut(want, "Shop:"); isList {
					want = name + "Shop:" + spell.Replace(entries)
				}
				u, err := history.NewUndo(p.records[1], p.current, p.records[2:], force)
				if got := formatUndo(u, err); got != want {
					t.Errorf("with force %t: %s, want %s", force, got, want)
				}
			}
		})
	}
}

func TestNewUndo_NamesAllConflicts(t *testing.T) {
	var p past
	p.write("a b")
	p.write("Store:b c d")
	p.write("Store:b c")
	p.write("Mall:a b c")
	_, err := history.NewUndo(p.records[1], p.current, p.records[2:], false)
	want := `the name was changed again later, at revision 4 by "ann"; ` +
		`d was changed again later, at revision 3 by "ann"; a was changed again later, at revision 4 by "ann"`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestConflictError_IsShort(t *testing.T) {
	many := strings.Fields(strings.Repeat("x ", 5000))
	for i := range many {
		many[i] += fmt.Sprint(i)
	}
	var p past
	p.write("a")
	p.write("a " + strings.Join(many, " "))
	p.write("a " + strings.Join(many[20:], " "))
	p.write("a")
	_, err := history.NewUndo(p.records[1], p.current, p.records[2:], false)
	if err == nil || len(err.Error()) > 1000 || !strings.HasSuffix(err.Error(), "; and 4990 others, the last at revision 4") {
		t.Errorf("error %.2000v", err)
	}
}
