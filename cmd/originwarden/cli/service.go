package cli

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/api/refusals"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/envelope"
	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/store"
)

// service is the gateway of a configuration with all that it works on: opened,
// but not listening yet.
type service struct {
	cfg   *config.Config // that it was started with
	log   *logs.Logger
	store *store.Monitored
	lists *lists.Cache
	// refusals are of this process.
	refusals refusals.Recent
	// disk is where the last good lists are kept, or nil.
	disk      *disk.Disk
	ready     *readiness
	upstreams upstreams
	// fileToken is the one of the file beside the store's, once it was asked for.
	found     sync.Once
	fileToken auth.Token
	fileError error
	// served are the ids of the tenants that are served now.
	served atomic.Pointer[[]string]
	beginning
}

// beginning is what is known of a start beside its configuration.
type beginning struct {
	// impatient is a start that somebody watches: it does not wait for another
	// process to end.
	impatient bool
	// listing is one that lists origins, once the service is open.
	listing bool
}

// open opens the store and reads the lists. The service has to be closed.
func open(ctx context.Context, cfg *config.Config, log *logs.Logger, b beginning) (*service, error) {
	s := &service{cfg: cfg, log: log, beginning: b}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *service) open(ctx context.Context) error {
	saved, err := s.readSnapshot(ctx)
	if err != nil {
		return err
	}
	trace := traceOfStore(s.cfg.Store.URL)
	opened, err := openStore(ctx, s.cfg, saved.At, s.waitsForFile)
	if err != nil {
		return withHintOfStore(err)
	}
	s.store = s.monitor(opened, s.cfg.Store)
	s.lists = s.newLists()
	s.ready = newReadiness(s.lists.State, s.store.WriteStatus, s.upstreams.documents)
	s.ready.trace = trace
	s.serving(nil, s.cfg)
	if _, err := s.tokens(s.cfg); err != nil {
		return err
	}
	s.restore(saved)
	return s.reach(ctx)
}

// serving notes which tenants are served from now on.
func (s *service) serving(before, cfg *config.Config) {
	ids := make([]string, len(cfg.Tenants))
	for i, t := range cfg.Tenants {
		ids[i] = t.ID
	}
	s.served.Store(&ids)
	s.upstreams.watch(before, cfg)
}

// close closes what was opened.
func (s *service) close() (err error) {
	if s.store != nil {
		err = s.store.Close()
	}
	if s.disk != nil {
		err = errors.Join(err, s.disk.Close())
	}
	return err
}

var errNoTokens = errors.New("there is neither a token nor an issuer, which the store that goes on needs")

// tokens are those of a configuration, or the one of a file beside the store's.
func (s *service) tokens(cfg *config.Config) ([]auth.Token, error) {
	var tokens []auth.Token
	for _, t := range cfg.API.Tokens {
		role := auth.Reader
		if t.Role == config.RoleAdmin {
			role = auth.Admin
		}
		tokens = append(tokens, auth.Token{Subject: t.Subject, Tenant: t.Tenant, Role: role, SHA256: t.SHA256})
	}
	if len(tokens) > 0 || cfg.API.OIDC.Issuer != "" {
		return tokens, nil
	}
	if cfg.Store.URL.Remote() { // of a reload, whose own store would have been a file
		return nil, errNoTokens
	}
	file, err := filepath.Abs(cfg.Store.URL.Path)
	if err != nil {
		return nil, err
	}
	s.found.Do(func() {
		s.fileToken, s.fileError = adminToken(filepath.Join(filepath.Dir(file), adminTokenName), s.log.Logger)
	})
	return []auth.Token{s.fileToken}, s.fileError
}

// logRefusedToken says why an access token was not accepted, which its sender is
// not told. What it says may come from the token.
func (s *service) logRefusedToken(o api.Outcome) {
	if o.Refused == nil {
		return
	}
	if entry := s.log.Check(zap.DebugLevel, "an access token was refused"); entry != nil {
		entry.Write(zap.String("why", logs.Escape(o.Refused.Error(), logs.LongestError)))
	}
}

// apiFailuresFirst is how many failures of the API in a second get a line each.
const apiFailuresFirst = 20

func (s *service) logAPI(ctx context.Context, err error) {
	const about = "failures of the API"
	if !s.log.Sampler(about, apiFailuresFirst).Passes(about) {
		return
	}
	s.log.Error("the API could not answer", zap.String("trace_id", envelope.TraceID(ctx)), zap.String("error", logs.Escape(err.Error(), logs.LongestError)))
}
