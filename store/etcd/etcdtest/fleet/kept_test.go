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

// problemBound is how long it takes until a gateway says that it cannot keep its
// lists on disk.
const problemBound = 5 * time.Second

// diskTrouble is what happens to the directory of a gateway's lists before an
// origin is revoked, and what may come of it.
type diskTrouble struct {
	name    string
	begin   func(dir string) error // nil: nothing happens
	end     func(dir string) error // before the next start
	mounted bool                   // the directory is a small disk of its own
	refused bool                   // the revocation is not acknowledged
	kept    bool                   // the next start has lists, and there is no problem
}

func diskTroubles() []diskTrouble {
	nothing := func(string) error { return nil }
	return []diskTrouble{
		{name: "nothing happens", begin: nothing, end: nothing, kept: true},
		{name: "the directory is removed", begin: os.RemoveAll, end: nothing, kept: true},
		{name: "the directory is moved away until the next start", kept: false,
			begin: func(dir string) error {
				return errors.Join(os.Rename(dir, dir+".aside"), os.WriteFile(dir, nil, 0o600))
			},
			end: func(dir string) error { return errors.Join(os.Remove(dir), os.Rename(dir+".aside", dir)) }},
		{name: "the disk is full", mounted: true, kept: false, begin: fill,
			end: func(dir string) error { return os.Remove(filepath.Join(dir, "full")) }},
		{name: "the disk is read-only", mounted: true, refused: true,
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

// TestFleet_NoStartUndoesARevocation has gateways acknowledge that an origin is
// taken off its list while their disks are in trouble, kills them and the store,
// and asks those that are started without it.
func TestFleet_NoStartUndoesARevocation(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes twenty seconds")
	}
	s := setup{cached: 1000, ways: 1}
	f := newFleet(t, s)
	tenant := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(tenant.Close)
	starts := newStarter(t)
	var all []*revoking
	for i, trouble := range diskTroubles() {
		f.addGateway(size+i, starts, tenant.URL, s)
		r := &revoking{fleet: f, gateway: f.gateways[size+i], diskTrouble: trouble}
		if r.dir = f.path(r.gateway.name + "-lists"); r.mounted && !r.mount() {
			continue
		}
		all = append(all, r)
	}
	r := repeated{f, all}
	r.each(func(r *revoking) error { return r.gateway.start() })
	r.each((*revoking).list)
	pause(t.Context(), 2*time.Second) // all of them have the lists on disk
	r.each((*revoking).revoke)
	for _, m := range f.members {
		m.kill()
	}
	r.each(func(r *revoking) error { return r.end(r.dir) })
	r.each(func(r *revoking) error { return r.gateway.start() })
	r.each((*revoking).check)
}

// revoking is a gateway that loses an origin, which of its own.
type revoking struct {
	*fleet
	diskTrouble
	gateway *gateway
	dir     string
	id      string // of the web integration that is deleted
}

// repeated is what is done to several gateways at once.
type repeated struct {
	*fleet
	all []*revoking
}

func (r repeated) each(do func(*revoking) error) {
	r.Helper()
	errs := make(chan error)
	for _, one := range r.all {
		go func() { errs <- do(one) }()
	}
	for range r.all {
		if err := <-errs; err != nil {
			r.isWrong("%v", err)
		}
	}
	if r.Failed() {
		r.FailNow()
	}
}

func (r *revoking) mount() bool {
	err := errors.Join(os.Mkdir(r.dir, 0o700), mount(r.dir, 0))
	if err != nil {
		r.tell("%s: not tried, for no disk can be mounted here: %v", r.name, err)
		return false
	}
	r.Cleanup(func() { _ = syscall.Unmount(r.dir, syscall.MNT_DETACH) })
	return true
}

func (r *revoking) origin() string { return "https://" + r.gateway.name + ".example" }

func (r *revoking) stays() string { return "https://stays-" + r.gateway.name + ".example" }

// list lists one origin that stays, and one that does not.
func (r *revoking) list() error {
	api := r.gateway.api(lists)
	_, err := api.Create(r.Context(), "stays", []string{r.stays()})
	if err != nil {
		return err
	}
	made, err := api.Create(r.Context(), "goes", []string{r.origin()})
	r.id = made.ID
	return err
}

// revoke has the gateway acknowledge the revocation, and kills it. What is the
// matter has to be told meanwhile.
func (r *revoking) revoke() error {
	if err := r.begin(r.dir); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	began := time.Now()
	_, err := r.gateway.api(lists).Delete(r.Context(), r.id, "")
	if (err != nil) != r.refused {
		return fmt.Errorf("%s: the revocation is answered with %v", r.name, err)
	}
	if allowed, err := r.gateway.allows(plain, lists, "", r.origin()); allowed || err != nil {
		return fmt.Errorf("%s: after the revocation it says that the origin is allowed: %t, %v", r.name, allowed, err)
	}
	if !r.kept {
		r.awaitProblem(began)
	}
	r.gateway.kill()
	return nil
}

func (r *revoking) awaitProblem(began time.Time) {
	for time.Since(began) < problemBound {
		if is, err := r.gateway.readiness(); err == nil && is.Ready && is.Problem != "" {
			r.tell("%s: after %v the problem is %q", r.name, time.Since(began).Round(time.Millisecond), is.Problem)
			return
		}
		pause(r.Context(), 10*time.Millisecond)
	}
	r.isWrong("%s: there is no problem after %v", r.name, problemBound)
}

// check asks the gateway that was started without the store.
func (r *revoking) check() error {
	allowed, err := r.gateway.allows(plain, lists, "", r.origin())
	if allowed && !r.refused {
		return fmt.Errorf("%s: a start has undone the revocation", r.name)
	}
	stays, why := r.gateway.allows(plain, lists, "", r.stays())
	r.tell("%s: then what was revoked is allowed: %t, %v; and what stays: %t, %v", r.name, allowed, err, stays, why)
	if stays != r.kept && !r.refused {
		return fmt.Errorf("%s: the origin that stays is allowed: %t, %v; want %t", r.name, stays, why, r.kept)
	}
	return nil
}
