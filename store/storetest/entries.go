package storetest

import (
	"strings"
	"time"

	"originwarden/store"
)

func entryTests() []test {
	tests := []test{
		{name: "KeepsTenantsApart", run: keepsTenantsApart},
		{name: "HasNothingOfATenantNeverWrittenTo", run: hasNothingAtFirst},
		{name: "EditChangesEveryFieldButTheIdentity", run: editChangesEveryField},
	}
	for name, w := range oddIntegrations() {
		tests = append(tests, test{name: "KeepsEveryFieldOf/" + name, run: func(s *subject) { keepsEveryField(s, w) }})
	}
	return tests
}

// oddIntegrations returns web integrations that a store might change.
func oddIntegrations() map[string]store.WebIntegration {
	const odd = `'";--\ %00 <b>&amp; ${x} {"a":[1]} ?1 :id 日本語 e` + "\u0301 \u2028 \u202e א \U0001f600 \ufffd\ufeff"
	old := newIntegration("acme", "times")
	old.Created, old.LastUpdated = time.Unix(1, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	subject := newIntegration("acme", "subject")
	subject.CreatedBy = odd
	return map[string]store.WebIntegration{
		"nil list":      newIntegration("acme", "nil"),
		"empty list":    newIntegration("acme", "empty", []string{}...),
		"thousand":      newIntegration("acme", "thousand", numbered(1000)...),
		"as written":    newIntegration("acme", "as written", "https://thirdPartyApp.com", "HTTPS://a.example:443/", "https://B\u00fccher.example", odd),
		"doubles":       newIntegration("acme", "doubles", "https://b.example", "https://a.example", "https://b.example"),
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
		s.Error("the revision of a creation is 0")
	}
	s.wantSame("Create", created, w)
	s.wantEverywhere(w)
	s.reopen()
	s.wantEverywhere(w)
}

// wantEverywhere checks that Integration, Load and Page return w.
func (s *subject) wantEverywhere(w store.WebIntegration) {
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
	s.Errorf("Page has no %s", w.ID)
}

func editChangesEveryField(s *subject) {
	was := s.create(newIntegration("acme", "old", "https://old.example"))
	for _, want := range oddIntegrations() {
		got := s.edit(was, func(w *store.WebIntegration) {
			*w = want
			w.ID, w.TenantID, w.Revision = "another", "other", 1<<40
		})
		want.ID, want.TenantID, want.Revision = was.ID, was.TenantID, got.Revision
		s.wantSame("Edit", got, want)
		s.wantEverywhere(want)
	}
	s.reopen()
	if r := s.revision(); r >= 1<<40 {
		s.Errorf("an edit set the revision to %d", r)
	}
	_, others := s.load("other")
	_, err := s.Integration(s.Context(), "acme", "another")
	s.wantError("reading the id that the edit set", err, store.ErrNotFound)
	if len(others) > 0 {
		s.Error("an edit gave a web integration to another tenant")
	}
}

func hasNothingAtFirst(s *subject) {
	s.create(newIntegration("acme", "one"))
	for _, descending := range []bool{false, true} {
		page := s.page("none", store.Query{Limit: 10, Descending: descending})
		if len(page.Integrations) > 0 || page.More || page.Less {
			s.Errorf("the page is %+v", page)
		}
	}
	revision, all := s.load("none")
	if len(all) > 0 || revision != s.revision() {
		s.Errorf("Load has %v at revision %d, want none at the store's", all, revision)
	}
}

func keepsTenantsApart(s *subject) {
	mine := s.create(newIntegration("acme", "mine", "https://mine.example"))
	for _, other := range []string{"acm", "acme2", "ACME", "acme%", "acme/", "other"} {
		theirs := s.create(newIntegration(other, "mine", "https://theirs.example"))
		s.wantNoWrite("acme", func() { s.refusesForeign(other, mine) })
		if _, all := s.load(other); len(all) != 1 {
			s.Errorf("Load(%q) has %v", other, all)
		}
		for _, descending := range []bool{false, true} {
			page := s.page(other, store.Query{Limit: 10, Descending: descending})
			if len(page.Integrations) != 1 || page.More || page.Less || page.Integrations[0].ID != theirs.ID {
				s.Errorf("Page(%q) is %+v", other, page)
			}
		}
	}
}

// refusesForeign tries every call on a web integration of another tenant.
func (s *subject) refusesForeign(tenant string, w store.WebIntegration) {
	ctx := s.Context()
	_, err := s.Integration(ctx, tenant, w.ID)
	s.wantError("Integration", err, store.ErrNotFound)
	_, err = s.Edit(ctx, tenant, w.ID, func(*store.WebIntegration) error {
		s.Error("the edit ran")
		return nil
	})
	s.wantError("Edit", err, store.ErrNotFound)
	_, err = s.Delete(ctx, tenant, w.ID, func(store.WebIntegration) error {
		s.Error("the deletion asked")
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
