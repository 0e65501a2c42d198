package storetest

import (
	"strings"
	"time"

	"originwarden/store"
)

func entryTests() []test {
	tests := []test{
		{name: "IsolatesTenants", run: isolatesTenants},
		{name: "UnknownTenantIsEmpty", run: unknownTenantIsEmpty},
		{name: "EditChangesAllButIDAndTenant", run: editChangesEveryField},
	}
	for name, w := range unusualIntegrations() {
		tests = append(tests, test{name: "KeepsEveryField/" + name, run: func(s *subject) { keepsEveryField(s, w) }})
	}
	return tests
}

// unusualIntegrations returns web integrations that a store could fail to keep
// unchanged.
func unusualIntegrations() map[string]store.WebIntegration {
	const odd = `'";--\ %00 <b>&amp; ${x} {"a":[1]} ?1 :id 日本語 e` + "\u0301 \u2028 \u202e א \U0001f600 \ufffd\ufeff"
	old := newIntegration("acme", "times")
	old.Created, old.LastUpdated = time.Unix(1, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	subject := newIntegration("acme", "subject")
	subject.CreatedBy = odd
	return map[string]store.WebIntegration{
		"nil list":      newIntegration("acme", "nil"),
		"empty list":    newIntegration("acme", "empty", []string{}...),
		"thousand":      newIntegration("acme", "thousand", makeOrigins(1000)...),
		"as written":    newIntegration("acme", "as written", "https://thirdPartyApp.com", "HTTPS://a.example:443/", "https://B\u00fccher.example", odd),
		"duplicates":    newIntegration("acme", "doubles", "https://b.example", "https://a.example", "https://b.example"),
		"odd name":      newIntegration("acme", odd),
		"odd tenant":    newIntegration(odd, "tenant"),
		"longest name":  newIntegration("acme", strings.Repeat("\U0001f600", store.MaxNameLength)),
		"spaces around": newIntegration("acme", "  name  ", " https://a.example "),
		"times":         old,
		"subject":       subject,
	}
}

func keepsEveryField(s *subject, w store.WebIntegration) {
	s.create(newIntegration(w.TenantID, "another", "https://another.example"))
	created := s.create(w)
	w.Revision = created.Revision
	if w.Revision == 0 {
		s.Error("Create returned revision 0")
	}
	s.wantSame("Create", created, w)
	s.wantStored(w)
	s.reopen()
	s.wantStored(w)
}

// wantStored checks that Integration, Load and Page return w.
func (s *subject) wantStored(w store.WebIntegration) {
	s.Helper()
	s.wantSame("Integration", s.integration(w.TenantID, w.ID), w)
	_, loaded := s.load(w.TenantID)
	s.wantSame("Load", loaded[w.ID], w)
	for _, got := range s.page(w.TenantID, store.Query{Limit: 100}).Integrations {
		if got.ID == w.ID {
			s.wantSame("Page", got, w)
			return
		}
	}
	s.Errorf("Page does not return %s", w.ID)
}

func editChangesEveryField(s *subject) {
	original := s.create(newIntegration("acme", "old", "https://old.example"))
	for _, want := range unusualIntegrations() {
		got := s.edit(original, func(w *store.WebIntegration) {
			*w = want
			w.ID, w.TenantID, w.Revision = "another", "other", 1<<40
		})
		want.ID, want.TenantID, want.Revision = original.ID, original.TenantID, got.Revision
		s.wantSame("Edit", got, want)
		s.wantStored(want)
	}
	s.reopen()
	if r := s.revision(); r >= 1<<40 {
		s.Errorf("the edit set the revision to %d", r)
	}
	_, others := s.load("other")
	_, err := s.Integration(s.Context(), "acme", "another")
	s.wantError("Integration of the id set by the edit", err, store.ErrNotFound)
	if len(others) > 0 {
		s.Error("the edit moved the web integration to another tenant")
	}
}

func unknownTenantIsEmpty(s *subject) {
	s.create(newIntegration("acme", "one"))
	for _, descending := range []bool{false, true} {
		page := s.page("none", store.Query{Limit: 10, Descending: descending})
		if len(page.Integrations) > 0 || page.HasNext || page.HasPrev {
			s.Errorf("Page = %+v, want an empty page", page)
		}
	}
	revision, all := s.load("none")
	if len(all) > 0 || revision != s.revision() {
		s.Errorf("Load = %v at revision %d, want none at the revision of the store", all, revision)
	}
}

func isolatesTenants(s *subject) {
	mine := s.create(newIntegration("acme", "mine", "https://mine.example"))
	for _, other := range []string{"acm", "acme2", "ACME", "acme%", "acme/", "other"} {
		theirs := s.create(newIntegration(other, "mine", "https://theirs.example"))
		s.wantNoWrite("acme", func() { s.refusesOtherTenant(other, mine) })
		if _, all := s.load(other); len(all) != 1 {
			s.Errorf("Load(%q) = %v, want one web integration", other, all)
		}
		for _, descending := range []bool{false, true} {
			page := s.page(other, store.Query{Limit: 10, Descending: descending})
			if len(page.Integrations) != 1 || page.HasNext || page.HasPrev || page.Integrations[0].ID != theirs.ID {
				s.Errorf("Page(%q) = %+v, want one web integration", other, page)
			}
		}
	}
}

// refusesOtherTenant makes every call for w on behalf of another tenant.
func (s *subject) refusesOtherTenant(tenant string, w store.WebIntegration) {
	ctx := s.Context()
	_, err := s.Integration(ctx, tenant, w.ID)
	s.wantError("Integration", err, store.ErrNotFound)
	_, err = s.Edit(ctx, tenant, w.ID, func(*store.WebIntegration) error {
		s.Error("Edit called its function")
		return nil
	})
	s.wantError("Edit", err, store.ErrNotFound)
	_, err = s.Delete(ctx, tenant, w.ID, func(store.WebIntegration) error {
		s.Error("Delete called its function")
		return nil
	})
	s.wantError("Delete", err, store.ErrNotFound)
	for _, q := range []store.Query{{After: w.ID, Limit: 1}, {Before: w.ID, Limit: 1}, {After: w.ID}, {Before: w.ID, Descending: true}} {
		_, err = s.Page(ctx, tenant, q)
		s.wantError("Page", err, store.ErrUnknownCursor)
	}
	w.TenantID = tenant
	_, err = s.Create(ctx, w)
	s.wantError("Create", err, store.ErrExists)
}
