//go:build linux

package fleet_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// problemBound is the time within which a gateway must report that it cannot save its
// lists on disk.
const problemBound = 5 * time.Second

// diskTrouble is a fault of the directory with the lists of a gateway, which begins before
// an origin is revoked, and its expected effects.
type diskTrouble struct {
	name    string
	begin   func(dir string) error
	end     func(dir string) error // called before the next start
	mounted bool                   // the directory is a small file system
	refused bool                   // the revocation fails
	kept    bool                   // the next start has the lists, and no problem is reported
}

func diskTroubles() []diskTrouble {
	nothing := func(string) error { return nil }
	return []diskTrouble{
		{name: "no fault", begin: nothing, end: nothing, kept: true},
		{name: "directory removed", begin: os.RemoveAll, end: nothing, kept: true},
		{name: "directory moved until the next start", kept: false,
			begin: func(dir string) error {
				return errors.Join(os.Rename(dir, dir+".aside"), os.WriteFile(dir, nil, 0o600))
			},
			end: func(dir string) error { return errors.Join(os.Remove(dir), os.Rename(dir+".aside", dir)) }},
		{name: "disk full", mounted: true, kept: false, begin: fill,
			end: func(dir string) error { return os.Remove(filepath.Join(dir, "full")) }},
		{name: "disk read-only", mounted: true, refused: true,
			begin: func(dir string) error { return mount(dir, syscall.MS_REMOUNT|syscall.MS_RDONLY) },
			end:   func(dir string) error { return mount(dir, syscall.MS_REMOUNT) }},
	}
}

func mount(dir string, flags uintptr) error {
	return syscall.Mount("none", dir, "tmpfs", flags, "size=64k,mode=0700")
}

func fill(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is not full: %w", err)
	}
	return nil
}

// TestFleet_RestartKeepsRevocations revokes origins through gateways whose disks have a
// fault, kills the gateways and the store, restarts the gateways without the store, and
// checks that the origins are not allowed.
func TestFleet_RestartKeepsRevocations(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	s := setup{cached: 1000, relaysPerMember: 1}
	f := newFleet(t, s)
	tenant := httptest.NewServer(http.HandlerFunc(serveTenant))
	t.Cleanup(tenant.Close)
	starter := newStarter(t)
	var all []*revokingGateway
	for i, trouble := range diskTroubles() {
		f.addGateway(fleetSize+i, starter, tenant.URL, s)
		r := &revokingGateway{fleet: f, gateway: f.gateways[fleetSize+i], diskTrouble: trouble}
		if r.dir = f.path(r.gateway.name + "-lists"); r.mounted && !r.mount() {
			continue
		}
		all = append(all, r)
	}
	r := repeated{f, all}
	r.forEach(func(r *revokingGateway) error { return r.gateway.start() })
	r.forEach((*revokingGateway).list)
	pause(t.Context(), 2*time.Second) // until all of them have saved their lists
	r.forEach((*revokingGateway).revoke)
	for _, m := range f.members {
		m.kill()
	}
	r.forEach(func(r *revokingGateway) error { return r.end(r.dir) })
	r.forEach(func(r *revokingGateway) error { return r.gateway.start() })
	r.forEach((*revokingGateway).check)
}

// revokingGateway is a gateway through which an origin of its own is revoked.
type revokingGateway struct {
	*fleet
	diskTrouble
	gateway *gateway
	dir     string
	id      string // of the web integration to delete
}

// repeated runs a function for several gateways concurrently.
type repeated struct {
	*fleet
	all []*revokingGateway
}

func (r repeated) forEach(do func(*revokingGateway) error) {
	r.Helper()
	errs := make(chan error)
	for _, g := range r.all {
		go func() { errs <- do(g) }()
	}
	for range r.all {
		if err := <-errs; err != nil {
			r.reportf("%v", err)
		}
	}
	if r.Failed() {
		r.FailNow()
	}
}

func (r *revokingGateway) mount() bool {
	err := errors.Join(os.Mkdir(r.dir, 0o700), mount(r.dir, 0))
	if err != nil {
		r.logf("%s: skipped, mounting a file system failed: %v", r.name, err)
		return false
	}
	r.Cleanup(func() { _ = syscall.Unmount(r.dir, syscall.MNT_DETACH) })
	return true
}

func (r *revokingGateway) revokedOrigin() string { return "https://" + r.gateway.name + ".example" }

func (r *revokingGateway) keptOrigin() string { return "https://stays-" + r.gateway.name + ".example" }

// list adds an origin to keep and one to revoke.
func (r *revokingGateway) list() error {
	api := r.gateway.api(lists)
	_, err := api.Create(r.Context(), "stays", []string{r.keptOrigin()})
	if err != nil {
		return err
	}
	created, err := api.Create(r.Context(), "goes", []string{r.revokedOrigin()})
	r.id = created.ID
	return err
}

// revoke revokes the origin, waits for the gateway to report a problem if one is expected,
// and kills the gateway.
func (r *revokingGateway) revoke() error {
	if err := r.begin(r.dir); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	start := time.Now()
	_, err := r.gateway.api(lists).Delete(r.Context(), r.id, "")
	if (err != nil) != r.refused {
		return fmt.Errorf("%s: revoking: %v", r.name, err)
	}
	if allowed, err := r.gateway.isAllowed(actual, lists, "", r.revokedOrigin()); allowed || err != nil {
		return fmt.Errorf("%s: after the revocation the origin is allowed: %t, %v", r.name, allowed, err)
	}
	if !r.kept {
		r.awaitProblem(start)
	}
	r.gateway.kill()
	return nil
}

func (r *revokingGateway) awaitProblem(start time.Time) {
	for time.Since(start) < problemBound {
		if state, err := r.gateway.readiness(); err == nil && state.Ready && state.Problem != "" {
			r.logf("%s: problem %q reported after %v", r.name, state.Problem, time.Since(start).Round(time.Millisecond))
			return
		}
		pause(r.Context(), 10*time.Millisecond)
	}
	r.reportf("%s: no problem reported within %v", r.name, problemBound)
}

// check checks the decisions of the gateway, which was started without the store.
func (r *revokingGateway) check() error {
	allowed, err := r.gateway.isAllowed(actual, lists, "", r.revokedOrigin())
	if allowed && !r.refused {
		return fmt.Errorf("%s: the revoked origin is allowed after the restart", r.name)
	}
	kept, keptErr := r.gateway.isAllowed(actual, lists, "", r.keptOrigin())
	r.logf("%s: after the restart the revoked origin is allowed: %t, %v; the kept one: %t, %v", r.name, allowed, err, kept, keptErr)
	if kept != r.kept && !r.refused {
		return fmt.Errorf("%s: the kept origin is allowed: %t, %v; want %t", r.name, kept, keptErr, r.kept)
	}
	return nil
}
