package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/escape"
	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// destination is where an import goes.
type destination struct {
	load func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error)
	// take takes steps, and returns what each was refused with, or nil. After an
	// error that concerns more than one of them the result ends early. It is nil
	// if there is only a dry run.
	take  func(ctx context.Context, steps []transfer.Step) (refused []error, err error)
	close func() error
}

// destination opens the place for writing, or for a dry run.
func (i *importing) destination(ctx context.Context) (destination, error) {
	if i.server != "" {
		c, err := i.client()
		s := &served{c}
		return destination{s.load, s.take, nothing}, err
	}
	cfg, err := i.configuration()
	if err != nil {
		return destination{}, err
	}
	switch {
	case i.dryRun && cfg.Store.URL.Remote():
		return elsewhere(ctx, cfg)
	case i.dryRun:
		return beside(ctx, cfg)
	}
	s, err := openStored(ctx, cfg)
	if err != nil {
		return destination{}, command.Failed(err)
	}
	if err := i.tellOfNewStore(ctx, s, cfg); err != nil {
		return destination{}, command.Failed(errors.Join(err, s.Store.Close()))
	}
	return destination{s.Load, s.ApplyAll, s.Store.Close}, nil
}

// tellOfNewStore tells of a store that nobody has written to, which may be
// another one than is meant.
func (i *importing) tellOfNewStore(ctx context.Context, s *transfer.StoreTarget, cfg *config.Config) error {
	at, _, err := s.Tenants(ctx)
	if err == nil && at.Revision == 0 {
		fmt.Fprintf(i.env.Stderr, "originwarden: the store %s is new, empty\n", escape.Text(stores.Name(cfg.Store.URL)))
	}
	return stores.WithHint(err)
}

// transferPatience is for one call of a store. Nobody's request waits for it.
const transferPatience = 30 * time.Second

// stored is a store within the limits of a configuration.
func stored(opened store.Store, cfg *config.Config) *transfer.StoreTarget {
	return &transfer.StoreTarget{Store: opened, Timeout: max(transferPatience, time.Duration(cfg.Store.Timeout)), Origins: cfg.API.Limits.Origins}
}

// beside reads a SQLite file without using it. One that is not there yet, but
// can be, has nothing.
func beside(ctx context.Context, cfg *config.Config) (destination, error) {
	r, err := sqlite.OpenReader(ctx, cfg.Store.URL.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && cfg.Store.Create != config.CreateNever:
		return destination{load: func(context.Context, string) (uint64, []store.WebIntegration, error) { return 0, nil, nil }, close: nothing}, nil
	case err != nil:
		return destination{}, command.Failed(err)
	}
	return destination{load: r.Load, close: r.Close}, nil
}

// elsewhere reads a store on other machines. One that is not there yet, but can
// be, has nothing.
func elsewhere(ctx context.Context, cfg *config.Config) (destination, error) {
	s, err := openToRead(ctx, cfg)
	if err != nil {
		return destination{}, command.Failed(err)
	}
	load := func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
		revision, all, err := s.Load(ctx, tenant)
		if errors.Is(err, store.ErrMissing) && cfg.Store.Create != config.CreateNever {
			return 0, nil, nil
		}
		return revision, all, stores.WithHint(err)
	}
	return destination{load: load, close: s.Store.Close}, nil
}

// load reads what a server has as the tenant's, whatever the server calls it.
func (s *served) load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	all, err := s.all(ctx)
	for i := range all {
		all[i].TenantID = tenant
	}
	return 0, all, err
}

// take takes the steps one by one.
func (s *served) take(ctx context.Context, steps []transfer.Step) (refused []error, err error) {
	for i := range steps {
		err := steps[i].Apply(ctx, s)
		if err != nil && !concernsOne(err) {
			return refused, fmt.Errorf("%s: %w", stepName(steps[i]), err)
		}
		refused = append(refused, err)
	}
	return refused, nil
}

// Create implements transfer.Target.
func (s *served) Create(ctx context.Context, w store.WebIntegration) error {
	_, err := s.client.Create(ctx, w.Name, w.ValidOrigins)
	return err
}

// Change implements transfer.Target.
func (s *served) Change(ctx context.Context, was, is store.WebIntegration) error {
	var operations []client.Operation
	if was.Name != is.Name {
		operations = append(operations, client.ReplaceName(is.Name))
	}
	if !slices.Equal(was.ValidOrigins, is.ValidOrigins) {
		operations = append(operations, client.ReplaceValidOrigins(is.ValidOrigins...))
	}
	_, err := s.client.Patch(ctx, was.ID, operations, "")
	return err
}

// Delete implements transfer.Target. What is not there any more needs no
// deletion.
func (s *served) Delete(ctx context.Context, w store.WebIntegration) error {
	_, err := s.client.Delete(ctx, w.ID, "")
	if errors.Is(err, client.ErrNotFound) {
		return nil
	}
	return err
}

// concernsOne reports whether an error of a server says nothing of other web
// integrations.
func concernsOne(err error) bool {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return slices.Contains([]int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed,
			http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
		}, refused.Status)
	}
	_, ambiguous := errors.AsType[*transfer.AmbiguousError](err)
	return ambiguous
}

// explained says in an import's words what a store's error means.
func explained(err error) error {
	switch {
	case errors.Is(err, store.ErrExists):
		return errors.New("another tenant has its id")
	case errors.Is(err, store.ErrNotFound):
		return errors.New("it was deleted meanwhile; a repetition creates it")
	}
	return err
}
