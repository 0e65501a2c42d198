package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/demo"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
)

// demoAddresses are where the demo listens.
type demoAddresses struct{ tenants, admin, listed, other string }

func newDemo(env Environment) *cobra.Command {
	var at demoAddresses
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole example on this machine",
		Long: "Run a whole example on this machine: a small tenant, the gateway in front of it, and\n" +
			"two web pages of which one is listed. It prints what to open and what to curl, and\n" +
			"leaves nothing behind.",
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error { return runDemo(env, at) },
	}
	flags := cmd.Flags()
	flags.StringVar(&at.tenants, "listen", "127.0.0.1:8080", "where the gateway listens")
	flags.StringVar(&at.admin, "admin-listen", "127.0.0.1:9090", "where operators get /metrics, /healthz and /readyz")
	flags.StringVar(&at.listed, "listed-page", "127.0.0.1:8081", "where the page is whose origin is listed")
	flags.StringVar(&at.other, "other-page", "127.0.0.1:8082", "where the page is whose origin is not listed")
	return cmd
}

// runDemo runs the example until it is told to stop.
func runDemo(env Environment, at demoAddresses) error {
	told, now, end := env.Stopping()
	defer end()
	dir, err := os.MkdirTemp("", "originwarden-demo-")
	if err != nil {
		return command.Failed(err)
	}
	defer os.RemoveAll(dir)
	stop, fail := context.WithCancelCause(told)
	defer fail(nil)
	e := &example{env: env, token: auth.NewToken(), sites: &sites{listen: env.Listen, fail: fail}}
	defer e.sites.close()
	if err := e.prepare(stop, dir, at); err != nil {
		return err
	}
	err = e.run(stop, now)
	if told.Err() == nil { // one of the sites may have failed
		err = errors.Join(context.Cause(stop), err)
	}
	return command.Failed(err)
}

// example is the demo while it runs.
type example struct {
	env           Environment
	cfg           *config.Config
	token         string
	sites         *sites
	listed, other net.Listener
}

// prepare starts the tenant and takes the ports of the pages, which cannot be
// shown before the gateway's port is known.
func (e *example) prepare(stop context.Context, dir string, at demoAddresses) error {
	tenant, err := e.sites.open("127.0.0.1:0")
	if err != nil {
		return command.Failed(err)
	}
	if e.cfg, err = e.configure(dir, at, tenant.Addr()); err != nil {
		return err
	}
	e.sites.serve(stop, tenant, demo.Tenant())
	if e.listed, err = e.sites.open(at.listed); err != nil {
		return command.Failed(withHintOfAddress(err, "--listed-page"))
	}
	e.other, err = e.sites.open(at.other)
	return command.Failed(withHintOfAddress(err, "--other-page"))
}

// configure returns the configuration of the gateway, whose one tenant has no
// hosts.
func (e *example) configure(dir string, at demoAddresses, tenant net.Addr) (*config.Config, error) {
	cfg, err := config.Load("",
		config.Flag{Name: "listen", Value: at.tenants},
		config.Flag{Name: "admin-listen", Value: at.admin},
		config.Flag{Name: "upstream", Value: "http://" + tenant.String()},
		config.Flag{Name: "store", Value: "sqlite:" + filepath.Join(dir, "originwarden.db")})
	if err != nil {
		return nil, err
	}
	cfg.Tenants[0].ID = "demo"
	cfg.API.Tokens = []config.Token{{Subject: "demo", Tenant: "demo", Role: config.RoleAdmin, SHA256: sha256.Sum256([]byte(e.token))}}
	cfg.Log.Format = config.Console
	// Streams of pages that are still open never come to their end.
	cfg.Timeouts.Drain = config.Duration(time.Second)
	return cfg, nil
}

// run runs the gateway in front of the tenant.
func (e *example) run(stop, now context.Context) error {
	log := logs.NewNonblocking(e.cfg.Log, e.env.Stderr)
	defer log.Close()
	build := thisBuild()
	return server.New(e.cfg, server.Options{
		Log:     log,
		Version: build.version,
		Commit:  build.commit,
		Listen:  listener(e.env.Listen, nil),
		Ready: func(tenants, admin net.Addr) {
			e.servePages(stop, portOf(tenants))
			e.guide(tenants, admin).print(e.env.Stdout)
		},
		StartList: server.StartList{Name: "demo", Origins: pageOrigins(e.listed.Addr())},
	}).Run(stop, now)
}

func (e *example) servePages(stop context.Context, gateway int) {
	listed, other := portOf(e.listed.Addr()), portOf(e.other.Addr())
	e.sites.serve(stop, e.listed, demo.Page(demo.PageOptions{GatewayPort: gateway, OtherPort: other, Listed: true}))
	e.sites.serve(stop, e.other, demo.Page(demo.PageOptions{GatewayPort: gateway, OtherPort: listed}))
}

func (e *example) guide(tenants, admin net.Addr) guide {
	listed, other := pageOrigins(e.listed.Addr()), pageOrigins(e.other.Addr())
	return guide{
		Gateway:   "http://" + reachable(tenants),
		Admin:     "http://" + reachable(admin),
		Listed:    listed[0],
		Other:     other[0],
		OtherToo:  other[1],
		Token:     e.token,
		Program:   e.env.Program,
		Preflight: "-H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: content-type'",
	}
}
