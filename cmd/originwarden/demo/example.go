package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
)

// Example is a whole example on this machine: the tenant, the gateway in front of
// it, and two pages of which one is listed.
type Example struct {
	// Tenants, Admin, ListedPage and OtherPage are addresses to listen at.
	Tenants, Admin, ListedPage, OtherPage string
	// Listen opens the listener of "tenant", "listen", "admin.listen", "listed-page" or
	// "other-page".
	Listen         func(key, address string) (net.Listener, error)
	Stdout, Stderr io.Writer // for the guide, for the log
	Program        string    // the command that runs originwarden, for the guide

	cfg           *config.Config
	token         string
	sites         sites
	listed, other net.Listener
}

// Run runs the example until stop ends or one of its servers fails; stopNow ends it
// at once. It leaves no files behind. Mistakes in the addresses of the gateway are
// config.Mistakes.
func (e *Example) Run(stop, stopNow context.Context) error {
	dir, err := os.MkdirTemp("", "originwarden-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	running, fail := context.WithCancelCause(stop)
	defer fail(nil)
	e.token = auth.NewToken()
	e.sites.fail = fail
	defer e.sites.close()
	if err := e.prepare(running, dir); err != nil {
		return err
	}
	err = e.runGateway(running, stopNow)
	if stop.Err() == nil { // one of the sites may have failed
		err = errors.Join(context.Cause(running), err)
	}
	return err
}

// prepare starts the tenant and opens the listeners of the pages. The pages
// themselves contain the gateway's port, which is not known yet.
func (e *Example) prepare(ctx context.Context, dir string) error {
	tenant, err := e.sites.add(e.Listen("tenant", "127.0.0.1:0"))
	if err != nil {
		return err
	}
	if e.cfg, err = e.configure(dir, tenant.Addr()); err != nil {
		return err
	}
	e.sites.serve(ctx, tenant, Tenant())
	if e.listed, err = e.sites.add(e.Listen("listed-page", e.ListedPage)); err != nil {
		return err
	}
	e.other, err = e.sites.add(e.Listen("other-page", e.OtherPage))
	return err
}

// configure returns the configuration of the gateway, whose one tenant has no
// hosts.
func (e *Example) configure(dir string, tenant net.Addr) (*config.Config, error) {
	cfg, err := config.Load("",
		config.Flag{Name: "listen", Value: e.Tenants},
		config.Flag{Name: "admin-listen", Value: e.Admin},
		config.Flag{Name: "upstream", Value: "http://" + tenant.String()},
		config.Flag{Name: "store", Value: "sqlite:" + filepath.Join(dir, "originwarden.db")})
	if err != nil {
		return nil, err
	}
	cfg.Tenants[0].ID = "demo"
	cfg.API.Tokens = []config.Token{{Subject: "demo", Tenant: "demo", Role: config.RoleAdmin, SHA256: sha256.Sum256([]byte(e.token))}}
	cfg.Log.Format = config.Console
	// Streams of open pages never end by themselves.
	cfg.Timeouts.Drain = config.Duration(time.Second)
	return cfg, nil
}

func (e *Example) runGateway(stop, stopNow context.Context) error {
	log := logs.NewNonblocking(e.cfg.Log, e.Stderr)
	defer log.Close()
	var gateway *server.Server
	gateway = server.New(e.cfg, server.Options{
		Log:    log,
		Listen: e.Listen,
		Ready: func(tenants, admin, _ net.Addr) {
			e.servePages(stop, portOf(tenants))
			e.printGuide(tenants, admin, gateway.SignInLink(e.token))
		},
		StartList: server.StartList{Name: "demo", Origins: pageOrigins(e.listed.Addr())},
	})
	return gateway.Run(stop, stopNow)
}

func (e *Example) servePages(ctx context.Context, gateway int) {
	listed, other := portOf(e.listed.Addr()), portOf(e.other.Addr())
	e.sites.serve(ctx, e.listed, Page(PageOptions{GatewayPort: gateway, OtherPort: other, Listed: true}))
	e.sites.serve(ctx, e.other, Page(PageOptions{GatewayPort: gateway, OtherPort: listed}))
}

func portOf(at net.Addr) int { return at.(*net.TCPAddr).Port }

// pageOrigins returns the origins of a page on this machine by both names that its
// listener and its Content-Security-Policy have.
func pageOrigins(at net.Addr) []string {
	return []string{fmt.Sprintf("http://localhost:%d", portOf(at)), fmt.Sprintf("http://127.0.0.1:%d", portOf(at))}
}
