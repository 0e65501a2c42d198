package listing

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// FieldInto is the field of a form, and of a link, with the target that was chosen.
const FieldInto = "into"

// The buttons of a form, whose value is an origin, and the fields of the link to the page
// that says what was done: which button it was, the origin, and the id of the web
// integration that lists it.
const (
	fieldList    = "list"
	fieldDismiss = "dismiss"
	fieldRestore = "restore"

	fieldDone = "done"
	fieldOf   = "of"
	fieldIn   = "in"
)

// View returns the fields of a form, or of a link, that say what its page shows.
func View(fields url.Values) url.Values {
	view := maps.Clone(fields)
	for _, field := range []string{FieldInto, fieldList, fieldDismiss, fieldRestore, fieldDone, fieldOf, fieldIn} {
		view.Del(field)
	}
	return view
}

// Decide does what a button of a form says: it lists an origin, dismisses it, or restores
// a dismissed one. It returns the query of the page that is shown next.
func (call API) Decide(form url.Values) (next url.Values, err error) {
	next = View(form)
	if form.Has(FieldInto) {
		next.Set(FieldInto, form.Get(FieldInto))
	}
	for _, button := range []string{fieldList, fieldDismiss, fieldRestore} {
		origin := strings.TrimSpace(form.Get(button))
		if origin == "" {
			continue
		}
		next.Set(fieldDone, button)
		next.Set(fieldOf, origin)
		if button != fieldList {
			return next, call.dismiss(origin, button == fieldDismiss)
		}
		in, err := call.list(origin, form.Get(FieldInto))
		next.Set(fieldIn, in.ID)
		return next, err
	}
	return next, nil
}

// Notice returns what the page of a query tells that was done, or "". It looks whether it
// is so: somebody else may have made the link.
func (call API) Notice(query url.Values) string {
	origin := query.Get(fieldOf)
	switch query.Get(fieldDone) {
	case fieldList:
		listing, _ := call.listing(origin)
		if i := indexOf(listing, query.Get(fieldIn)); i >= 0 {
			return origin + " is listed in " + listing[i].Name + ". It may talk to the tenant from now on."
		}
	case fieldDismiss:
		if call.isRefused(origin, true) {
			return origin + " was dismissed: it stays refused, and is no longer shown here."
		}
	case fieldRestore:
		if call.isRefused(origin, false) {
			return origin + " is shown again."
		}
	}
	return ""
}

// isRefused reports whether the inventory has an origin that is dismissed, or one that is
// not.
func (call API) isRefused(origin string, dismissed bool) bool {
	type refusal struct {
		Origin string `json:"origin"`
	}
	var document struct {
		Data []refusal `json:"data"`
	}
	if _, err := call(http.MethodGet, "/refused-origins?dismissed="+strconv.FormatBool(dismissed), nil, nil, &document); err != nil {
		return false
	}
	return slices.ContainsFunc(document.Data, func(one refusal) bool { return one.Origin == origin })
}
