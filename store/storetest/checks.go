package storetest

import "reflect"

// checkTests are about CheckWrites.
func checkTests() []test {
	return []test{
		{name: "a check changes nothing", run: func(s *subject) {
			s.create(entry("acme", "one", "https://a.example"))
			before := s.seen()
			for range 3 {
				if err := s.CheckWrites(s.Context()); err != nil {
					s.Fatalf("CheckWrites: %v", err)
				}
			}
			if after := s.seen(); !reflect.DeepEqual(before, after) {
				s.Errorf("it is %+v, and was %+v", after, before)
			}
		}},
		{name: "a check of an empty store", run: func(s *subject) {
			if err := s.CheckWrites(s.Context()); err != nil {
				s.Errorf("CheckWrites: %v", err)
			}
		}},
	}
}

// seen is what the store returns.
func (s *subject) seen() []any {
	s.Helper()
	at, tenants, tenantsErr := s.Tenants(s.Context())
	revision, all, loadErr := s.Load(s.Context(), "acme")
	if tenantsErr != nil || loadErr != nil {
		s.Fatal(tenantsErr, loadErr)
	}
	return []any{at, tenants, revision, all}
}
