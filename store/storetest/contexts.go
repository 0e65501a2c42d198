package storetest

import (
	"context"
	"sync"
	"time"

	"originwarden/store"
)

func contextTests() []test {
	return []test{
		{name: "ThatHaveEndedEndEveryCall", run: endedContexts},
		{name: "EndCallsThatWaitForOthers", run: contextsEndWaits},
		{name: "ThatEndInsideAWriteTearNothing", run: contextsEndInside},
		{name: "OfAClosedStoreHelpNothing", run: closedStore},
	}
}

func endedContexts(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example"))
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for name, call := range storeCalls(s.Store, w) {
		if err := call(ctx); !isUnavailable(err) {
			s.Errorf("%s with an ended context: the error is %v", name, err)
		}
	}
	for name, call := range storeCalls(s.Store, w) {
		if name != "Delete" {
			s.wantError(name+" afterwards", call(s.Context()), nil)
		}
	}
}

// contextsEndWaits keeps a write open until the context of other calls, which may
// have to wait for it, has ended. They may return anything, but must return.
func contextsEndWaits(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	inside, release := make(chan struct{}), make(chan struct{})
	entered := sync.OnceFunc(func() { close(inside) })
	var held sync.WaitGroup
	held.Go(func() {
		_, err := s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
			entered()
			<-release
			w.Name = "held"
			return nil
		})
		if err != nil && !isUnavailable(err) {
			s.wantError("the edit that was kept open", err, store.ErrNotFound) // an optimistic store deletes first
		}
	})
	<-inside
	ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
	defer cancel()
	var waiting sync.WaitGroup
	for _, call := range storeCalls(s.Store, w) {
		waiting.Go(func() { _ = call(ctx) })
	}
	waiting.Wait()
	close(release)
	held.Wait()
	s.create(newIntegration("acme", "two"))
}

// contextsEndInside ends the context of a write during the write, which must then
// happen wholly or not at all.
func contextsEndInside(s *subject) {
	was := s.create(newIntegration("acme", "was", "https://was.example"))
	is := was
	is.Name, is.ValidOrigins = "is", []string{"https://is.example", "https://is-too.example"}
	ctx, cancel := context.WithCancel(s.Context())
	_, err := s.Edit(ctx, "acme", was.ID, func(w *store.WebIntegration) error {
		*w = is
		cancel()
		return nil
	})
	got := s.integration("acme", was.ID)
	if is.Revision = got.Revision; got.Name == is.Name {
		s.wantEverywhere(is)
	} else {
		s.wantEverywhere(was)
	}
	if err == nil && got.Name != is.Name {
		s.Error("an edit without an error was not kept")
	}
	s.delete(was)
	s.create(was)
}

func closedStore(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	if err := s.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	for name, call := range storeCalls(s.Store, w) {
		if err := call(s.Context()); !isUnavailable(err) {
			s.Errorf("%s of a closed store: the error is %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		s.Errorf("a second Close: %v", err)
	}
	s.reopen()
	s.wantEverywhere(w)
}
