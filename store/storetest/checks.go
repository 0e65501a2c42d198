package storetest

// checkTests test CheckWrites.
func checkTests() []test {
	return []test{
		{name: "ChangesNothing", run: func(s *subject) {
			s.create(newIntegration("acme", "one", "https://a.example"))
			s.wantNoWrite("acme", func() {
				for range 3 {
					s.wantError("CheckWrites", s.CheckWrites(s.Context()), nil)
				}
			})
		}},
		{name: "EmptyStore", run: func(s *subject) {
			s.wantError("CheckWrites", s.CheckWrites(s.Context()), nil)
		}},
	}
}
