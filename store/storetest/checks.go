package storetest

// checkTests test CheckWrites.
func checkTests() []test {
	return []test{
		{name: "a check changes nothing", run: func(s *subject) {
			s.create(newIntegration("acme", "one", "https://a.example"))
			s.wantNoWrite("acme", func() {
				for range 3 {
					s.wantError("CheckWrites", s.CheckWrites(s.Context()), nil)
				}
			})
		}},
		{name: "a check of an empty store", run: func(s *subject) {
			s.wantError("CheckWrites", s.CheckWrites(s.Context()), nil)
		}},
	}
}
