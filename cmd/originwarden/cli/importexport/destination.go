package importexport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/envelope/escape"
	"originwarden/store"
	"originwarden/store/transfer"
)

// destination is where an import writes. It consists of functions, because a dry
// run has no applyAll, and an export loads from a server in another way.
type destination struct {
	load func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error)
	// applyAll applies steps, and returns the error of each, or nil. It ends at an
	// error that does not concern one step alone, and returns that as err. It is
	// not called in a dry run, and may then be nil.
	applyAll func(ctx context.Context, steps []transfer.Step) (refused []error, err error)
	close    func() error
}

// openDestination opens the location for writing, or for a dry run.
func (l *location) openDestination(ctx context.Context, dryRun bool) (destination, error) {
	if l.isServer() {
		s, err := l.openServer()
		return destination{s.loadAs, s.applyAll, closeNothing}, err
	}
	cfg, err := l.loadConfig()
	switch {
	case err != nil:
		return destination{}, err
	case dryRun:
		return openForDryRun(ctx, cfg)
	}
	s, err := openStore(ctx, cfg, l.waitForFile)
	if err != nil {
		return destination{}, err
	}
	if err := l.warnOfNewStore(ctx, s, cfg); err != nil {
		return destination{}, command.Failed(errors.Join(err, s.Store.Close()))
	}
	applyAll := func(ctx context.Context, steps []transfer.Step) ([]error, error) {
		return s.ApplyAll(store.WithAuthor(ctx, "import"), steps)
	}
	return destination{s.Load, applyAll, s.Store.Close}, nil
}

// warnOfNewStore warns of a store that has no writes yet: it may be the wrong
// one.
func (l *location) warnOfNewStore(ctx context.Context, s *transfer.Store, cfg *config.Config) error {
	at, _, err := s.Tenants(ctx)
	if err == nil && at.Revision == 0 {
		fmt.Fprintf(l.env.Stderr, "originwarden: the store %s is new and empty\n", escape.Text(stores.Name(cfg.Store.URL)))
	}
	return stores.WithHint(err)
}

// openForDryRun opens a store without changing it, a SQLite file also while a
// gateway uses it. A missing store that an import would create reads as empty.
func openForDryRun(ctx context.Context, cfg *config.Config) (destination, error) {
	from, err := openStoreToRead(ctx, cfg)
	creates := cfg.Store.Create != config.CreateNever
	if errors.Is(err, fs.ErrNotExist) && creates && !cfg.Store.URL.Remote() {
		return destination{load: loadNothing, close: closeNothing}, nil
	}
	load := func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
		revision, all, err := from.Load(ctx, tenant)
		if errors.Is(err, store.ErrMissing) && creates {
			return loadNothing(ctx, tenant)
		}
		return revision, all, stores.WithHint(err)
	}
	return destination{load: load, close: from.close}, err
}

func loadNothing(context.Context, string) (uint64, []store.WebIntegration, error) { return 0, nil, nil }

// applyAll implements the function of a destination.
func (s *server) applyAll(ctx context.Context, steps []transfer.Step) (refused []error, err error) {
	for i := range steps {
		err := steps[i].Apply(ctx, s)
		if err != nil && !concernsOne(err) {
			return refused, fmt.Errorf("%s: %w", stepName(steps[i]), err)
		}
		refused = append(refused, err)
	}
	return refused, nil
}
