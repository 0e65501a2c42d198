package storetest

import (
	"context"
	"sync"
	"time"

	"originwarden/store"
)

func contextTests() []test {
	return []test{
		{name: "CanceledBeforeCall", run: canceledBeforeCall},
		{name: "CanceledWhileWaiting", run: cancelWaitingCalls},
		{name: "CanceledDuringWrite", run: canceledDuringWrite},
		{name: "ClosedStore", run: closedStoreFails},
	}
}

func canceledBeforeCall(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example"))
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for name, call := range storeCalls(s.Store, w) {
		if err := call(ctx); !isUnavailable(err) {
			s.Errorf("%s with a canceled context: error %v, want unavailable", name, err)
		}
	}
	for name, call := range storeCalls(s.Store, w) {
		if name != "Delete" {
			s.wantError(name+" afterwards", call(s.Context()), nil)
		}
	}
}

// cancelWaitingCalls keeps an edit open while other calls, which may have to wait for
// it, run into their deadline. They may return anything, but must return.
func cancelWaitingCalls(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	inside, release := make(chan struct{}), make(chan struct{})
	entered := sync.OnceFunc(func() { close(inside) })
	var editing sync.WaitGroup
	editing.Go(func() {
		_, err := s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
			entered()
			<-release
			w.Name = "held"
			return nil
		})
		if err != nil && !isUnavailable(err) {
			s.wantError("the open edit", err, store.ErrNotFound) // with optimistic locking the deletion may come first
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
	editing.Wait()
	s.create(newIntegration("acme", "two"))
}

// canceledDuringWrite cancels the context of a write during the write, which must
// then be made completely or not at all.
func canceledDuringWrite(s *subject) {
	original := s.create(newIntegration("acme", "was", "https://was.example"))
	updated := original
	updated.Name, updated.ValidOrigins = "is", []string{"https://is.example", "https://is-too.example"}
	ctx, cancel := context.WithCancel(s.Context())
	_, err := s.Edit(ctx, "acme", original.ID, func(w *store.WebIntegration) error {
		*w = updated
		cancel()
		return nil
	})
	got := s.integration("acme", original.ID)
	if updated.Revision = got.Revision; got.Name == updated.Name {
		s.wantStored(updated)
	} else {
		s.wantStored(original)
	}
	if err == nil && got.Name != updated.Name {
		s.Error("Edit returned no error, but the edit was not kept")
	}
	s.delete(original)
	s.create(original)
}

func closedStoreFails(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	if err := s.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	for name, call := range storeCalls(s.Store, w) {
		if err := call(s.Context()); !isUnavailable(err) {
			s.Errorf("%s of a closed store: error %v, want unavailable", name, err)
		}
	}
	if err := s.Close(); err != nil {
		s.Errorf("second Close: %v", err)
	}
	s.reopen()
	s.wantStored(w)
}
