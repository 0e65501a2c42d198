package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/server/readiness"
)

const (
	waitInterval = 75 * time.Millisecond
	waitRequest  = 2 * time.Second // for the answer of one gateway
	// waitSettling is how long gateways may be at different stores: those that
	// take a new one do not all do so at once.
	waitSettling = 3 * time.Second
)

// waiting is what wait is told to do.
type waiting struct {
	env      Environment
	admins   []string
	revision uint64
	identity string
	timeout  time.Duration
	verbose  bool
}

func newWait(env Environment) *cobra.Command {
	w := &waiting{env: env}
	cmd := &cobra.Command{
		Use:   "wait --revision N [--admin URL]...",
		Short: "Wait until a revision is in force at all gateways",
		Long: "Wait until a revision of the lists, or a later one, is in force at all gateways, as\n" +
			"their /readyz tells. The revision of a write is what the API answers with in\n" +
			"Web-Integrations-Revision. A gateway that cannot be reached is tried again. Gateways\n" +
			"of different stores share no revisions: that is a failure, as is a timeout, which is\n" +
			"told with what each gateway has. One whose store was reset has nothing to wait for\n" +
			"until it is accepted; see originwarden resync.",
		Example: "  originwarden wait --revision 42 --admin http://10.0.0.1:9090,http://10.0.0.2:9090 --timeout 1m",
		Args:    command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAdmin(w.admins...); err != nil {
				return err
			}
			if w.timeout <= 0 {
				return errors.New("--timeout: it has to be more than 0")
			}
			return command.Failed(w.run(cmd.Context()))
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&w.revision, "revision", 0, "the revision to wait for")
	flags.StringSliceVar(&w.admins, "admin", []string{adminDefault}, adminUsage+"; may be repeated, and be several with commas")
	flags.DurationVar(&w.timeout, "timeout", 30*time.Second, "for how long to wait at most")
	flags.StringVar(&w.identity, "identity", "", "the identity of the store that it has to be, as /readyz and exports have it")
	flags.BoolVarP(&w.verbose, "verbose", "v", false, "tell in the end what each gateway has")
	if err := cmd.MarkFlagRequired("revision"); err != nil {
		panic(err)
	}
	return cmd
}

// run asks all gateways, over and over.
func (w *waiting) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	gateways := newOperators(waitRequest)
	defer gateways.CloseIdleConnections()
	seen := make([]sighting, len(w.admins))
	agreed := time.Now()
	for {
		w.look(ctx, gateways, seen)
		conflict := w.conflict(seen)
		if conflict == nil {
			agreed = time.Now()
		}
		lacking := w.lacking(seen)
		switch {
		case conflict != nil && (ctx.Err() != nil || time.Since(agreed) > waitSettling):
			return conflict
		case conflict == nil && lacking == 0:
			return w.tell(seen)
		case ctx.Err() != nil:
			return fmt.Errorf("after %v revision %d is not in force at %d of %d gateways:\n%s",
				w.timeout, w.revision, lacking, len(w.admins), w.list(seen))
		}
		select {
		case <-time.After(waitInterval):
		case <-ctx.Done():
		}
	}
}

// sighting is what was seen last of a gateway.
type sighting struct {
	readiness.Document
	answered bool
	err      error // of the last attempt
}

// look asks each gateway once. What ctx has cut short says nothing of it.
func (w *waiting) look(ctx context.Context, gateways *operators, seen []sighting) {
	var asking sync.WaitGroup
	for i, admin := range w.admins {
		asking.Go(func() {
			document, err := readinessOf(ctx, gateways, admin)
			switch {
			case err == nil:
				seen[i] = sighting{document, true, nil}
			case ctx.Err() == nil:
				seen[i].err = err
			}
		})
	}
	asking.Wait()
}

func readinessOf(ctx context.Context, gateways *operators, admin string) (d readiness.Document, err error) {
	a, err := gateways.ask(ctx, http.MethodGet, admin, "/readyz", "")
	switch {
	case err != nil:
		return d, err
	case a.status != http.StatusOK && a.status != http.StatusServiceUnavailable:
		return d, errors.New("it answers " + a.statusText())
	}
	if err := json.Unmarshal(a.body, &d); err != nil {
		return d, fmt.Errorf("its answer is not that of a gateway: %w", err)
	}
	return d, nil
}

// bound reports whether the revision that was seen is one of a store that still
// counts.
func (s *sighting) bound() bool {
	return s.answered && s.err == nil && s.Store.Identity != "" && s.Store.Reset == nil
}

// lacking is how many gateways do not have the revision.
func (w *waiting) lacking(seen []sighting) (lacking int) {
	for i := range seen {
		if !seen[i].bound() || seen[i].Revision < w.revision {
			lacking++
		}
	}
	return lacking
}

// conflict is the error of gateways that are at other stores than one another,
// or than is wanted.
func (w *waiting) conflict(seen []sighting) error {
	wanted := w.identity
	for i := range seen {
		if !seen[i].bound() {
			continue
		}
		identity := seen[i].Store.Identity
		switch {
		case wanted == "":
			wanted = identity
		case identity != wanted && w.identity != "":
			return fmt.Errorf("a gateway is at another store than %s:\n%s", escape.Text(w.identity), w.list(seen))
		case identity != wanted:
			return fmt.Errorf("the gateways do not share a store, so that their revisions do not compare:\n%s", w.list(seen))
		}
	}
	return nil
}

func (w *waiting) tell(seen []sighting) error {
	if !w.verbose {
		return nil
	}
	_, err := fmt.Fprintln(w.env.Stdout, w.list(seen))
	return err
}

// list is a line for each gateway.
func (w *waiting) list(seen []sighting) string {
	lines := make([]string, len(seen))
	for i, s := range seen {
		lines[i] = escape.Text(fmt.Sprintf("  %s: %s", w.admins[i], s))
	}
	return strings.Join(lines, "\n")
}

// String says what a gateway has.
func (s sighting) String() string {
	var parts []string
	switch {
	case !s.answered && s.err == nil:
		return "no answer yet"
	case !s.answered:
		return s.err.Error()
	case s.Store.Identity == "":
		parts = append(parts, "no revision yet")
	default:
		parts = append(parts, fmt.Sprintf("revision %d of store %s", s.Revision, s.Store.Identity))
	}
	if s.Age != nil {
		parts = append(parts, fmt.Sprintf("confirmed %.1fs before", *s.Age))
	}
	if s.Problem != "" {
		parts = append(parts, s.Problem)
	}
	if s.err != nil {
		parts = append(parts, "then "+s.err.Error())
	}
	return strings.Join(parts, ", ")
}
