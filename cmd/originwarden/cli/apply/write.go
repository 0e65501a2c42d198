package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/cmd/originwarden/cli/listfile"
)

// writer makes the changes of a plan on a server. First it makes all additions, and
// then removals, so that an origin that moves from one web integration to another is
// listed all the time.
type writer struct {
	server   *client.Client
	print    func(text []byte) error
	warnings io.Writer
	warned   bool // that changes by others may be overwritten
	tally    tally
	changed  map[string]bool // ids of web integrations that were changed
	revision uint64          // of the last write, or 0 if the server sends none
	missing  originSet       // what is yet to be added, or could not be
	failures []error
	ended    bool // because of a failure that concerns more than one web integration
}

// run makes all changes, until one ends it.
func (w *writer) run(ctx context.Context, p *plan) {
	var removals []change
	for _, c := range w.orderAdditions(p) {
		if w.ended {
			return
		}
		if w.add(ctx, c) {
			removals = append(removals, c)
		}
	}
	for i := range p.changes {
		if c := &p.changes[i]; !c.adds() {
			removals = append(removals, *c)
		}
	}
	slices.SortFunc(removals, compareChanges)
	for _, c := range removals {
		if w.ended {
			return
		}
		w.remove(ctx, c)
	}
}

// orderAdditions returns the changes that add something, and notes what is missing
// until then. Those come last that also remove what may be needed until others are
// made: then one write is enough for most of them. A server may refuse a pattern that
// it has, so a write that keeps one could fail.
func (w *writer) orderAdditions(p *plan) []change {
	for i := range p.changes {
		w.missing.add(p.changes[i].additions())
	}
	var first, last []change
	for _, c := range p.changes {
		if !c.adds() {
			continue
		}
		own := c.additions()
		w.missing.remove(own)
		if c.mustWait(&w.missing) {
			last = append(last, c)
		} else {
			first = append(first, c)
		}
		w.missing.add(own)
	}
	return append(first, last...)
}

// add makes a change that adds origins. It keeps what others that are missing may
// need, and reports whether anything is left to be removed.
func (w *writer) add(ctx context.Context, c change) (hasRemovals bool) {
	own := c.additions()
	w.missing.remove(own)
	after, err := c.wanted, error(nil)
	if c.id == "" {
		err = w.create(ctx, c)
	} else {
		after, err = w.edit(ctx, c)
	}
	if err != nil {
		w.missing.add(own)
		w.fail(c.name, err)
		return false
	}
	return len(unwanted(after, c.wanted)) > 0
}

// remove makes a change that removes origins, except those that could not be added
// elsewhere.
func (w *writer) remove(ctx context.Context, c change) {
	var err error
	if c.delete {
		err = w.delete(ctx, c)
	} else {
		var after []string
		if after, err = w.edit(ctx, c); err == nil {
			err = w.keptError(unwanted(after, c.wanted))
		}
	}
	if err != nil {
		w.fail(c.name, err)
	}
}

func (w *writer) create(ctx context.Context, c change) error {
	made, err := w.server.Create(ctx, c.name, c.wanted)
	if err != nil {
		return err
	}
	w.tally.created++
	w.report(created, c.name, nil, made.ValidOrigins, made.Revision)
	return nil
}

// edit changes the valid origins to what is wanted, besides what missing origins may
// need, and returns them. It writes nothing if the server has them already.
func (w *writer) edit(ctx context.Context, c change) (after []string, err error) {
	err = w.withCurrent(ctx, c, func(found client.WebIntegration) error {
		after = c.after(found.ValidOrigins, &w.missing)
		if slices.Equal(found.ValidOrigins, after) {
			return nil
		}
		r, err := w.server.Patch(ctx, c.id, []client.Operation{client.ReplaceValidOrigins(after...)}, w.ifMatch(&found))
		if err != nil {
			return err
		}
		w.changed[c.id] = true
		w.tally.changed = len(w.changed)
		w.report(changed, c.name, found.ValidOrigins, after, r.Revision)
		return nil
	})
	return after, err
}

// delete deletes a web integration, unless it lists what could not be added elsewhere.
// One that is already gone is no error.
func (w *writer) delete(ctx context.Context, c change) error {
	err := w.withCurrent(ctx, c, func(found client.WebIntegration) error {
		if err := w.keptError(merge(found.ValidOrigins, nil, &w.missing)); err != nil {
			return err
		}
		r, err := w.server.Delete(ctx, c.id, w.ifMatch(&found))
		if err != nil {
			return err
		}
		w.tally.deleted++
		w.report(deleted, c.name, found.ValidOrigins, nil, r.Revision)
		return nil
	})
	if errors.Is(err, client.ErrNotFound) {
		return nil
	}
	return err
}

// maxAttempts is how often a change is computed again because another client has
// changed the web integration meanwhile.
const maxAttempts = 5

// withCurrent calls write with the web integration as it is now, and again if another
// client has changed it before the write.
func (w *writer) withCurrent(ctx context.Context, c change, write func(found client.WebIntegration) error) error {
	for range maxAttempts {
		found, err := w.server.Get(ctx, c.id)
		if err == nil && found.Name != c.name {
			return &conflictError{"it was renamed to " + listfile.Quote(found.Name) + " meanwhile"}
		}
		if err == nil {
			err = write(found)
		}
		if !errors.Is(err, client.ErrPreconditionFailed) {
			return err
		}
	}
	return &conflictError{"others keep changing it"}
}

// ifMatch returns the If-Match with which a later change by others is not overwritten,
// or "" if the server sends no ETag for it; then it warns, once.
func (w *writer) ifMatch(found *client.WebIntegration) string {
	tag := found.IfMatch()
	if tag == "" && !w.warned {
		w.warned = true
		fmt.Fprintln(w.warnings, "originwarden: the server sends no strong ETag: changes that others make at the same time may be overwritten")
	}
	return tag
}

// conflictError says why a change of one web integration could not be made, although
// the server refused nothing.
type conflictError struct{ problem string }

func (e *conflictError) Error() string { return e.problem }

// keptError returns the error of a removal that has kept entries, or nil.
func (w *writer) keptError(kept []string) error {
	if len(kept) == 0 {
		return nil
	}
	return &conflictError{fmt.Sprintf("it still lists %s and %d more, because an addition failed that was to list the same elsewhere", kept[0], len(kept)-1)}
}

// report prints what a write did.
func (w *writer) report(sign, name string, before, after []string, revision uint64) {
	w.revision = max(w.revision, revision)
	if err := w.print(formatDiff(sign, name, before, after)); err != nil {
		w.failures = append(w.failures, err)
		w.ended = true
	}
}

// fail records why a change failed. An error that does not concern one web integration
// alone ends the run.
func (w *writer) fail(name string, err error) {
	doing := listfile.Quote(name)
	_, isConflict := errors.AsType[*conflictError](err)
	switch {
	case errors.Is(err, client.ErrNotFound):
		err = errors.New("it was deleted meanwhile: apply the files again to create it")
	case !isConflict && !connection.ConcernsOne(err):
		w.ended = true
		doing = "the run ended early and can be repeated: " + doing
	}
	w.failures = append(w.failures, connection.Failure(doing, err))
}

// failure returns all failures as one, or nil.
func (w *writer) failure() error { return command.JoinFailures(w.failures) }
