package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

const (
	pollInterval = 75 * time.Millisecond
	pollTimeout  = 2 * time.Second // for the response of one gateway
	// settling is how long gateways may use different stores: not all of them
	// accept a new one at the same time.
	settling = 3 * time.Second
)

// wait holds the flags of the command wait.
type wait struct {
	admins   []string
	revision uint64
	identity string
	timeout  time.Duration
}

// NewWait returns the command wait.
func NewWait(env command.Environment) *cobra.Command {
	var w wait
	var verbose bool
	cmd := &cobra.Command{
		Use:   "wait --revision N [--admin URL]...",
		Short: "Wait until a revision is in force at all gateways",
		Long: "Wait until a revision of the lists, or a later one, is in force at all gateways, by\n" +
			"their /readyz. The API answers a write with its revision in the header\n" +
			"Web-Integrations-Revision. A gateway that is unreachable is asked again. Revisions of\n" +
			"different stores cannot be compared: gateways that do not share a store are a failure,\n" +
			"as is a timeout, which prints what each gateway has. A gateway whose store was reset\n" +
			"does not get the revision before the store is accepted; see originwarden resync.",
		Example: "  originwarden wait --revision 42 --admin http://10.0.0.1:9090,http://10.0.0.2:9090 --timeout 1m",
		Args:    command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkURLs(w.admins...); err != nil {
				return err
			}
			if w.timeout <= 0 {
				return errors.New("--timeout must be more than 0")
			}
			observed, err := w.run(cmd.Context())
			if err != nil || !verbose {
				return command.Failed(err)
			}
			return env.Print([]byte(w.describe(observed) + "\n"))
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&w.revision, "revision", 0, "the revision to wait for")
	flags.StringSliceVar(&w.admins, "admin", []string{defaultURL}, urlUsage+"; may be repeated or comma-separated")
	flags.DurationVar(&w.timeout, "timeout", 30*time.Second, "how long to wait at most")
	flags.StringVar(&w.identity, "identity", "", "the identity that the store has to have, as in /readyz and in exports")
	flags.BoolVarP(&verbose, "verbose", "v", false, "print what each gateway has in the end")
	cmd.MarkFlagRequired("revision")
	return cmd
}

// run asks all gateways until all have the revision, and returns what each has.
func (w *wait) run(ctx context.Context) ([]observation, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	c := newClient(pollTimeout)
	defer c.CloseIdleConnections()
	observed := make([]observation, len(w.admins))
	lastAgreed := time.Now()
	for {
		w.poll(ctx, c, observed)
		lacking, conflict := w.compare(observed)
		if conflict == nil {
			lastAgreed = time.Now()
		}
		switch {
		case conflict != nil && (ctx.Err() != nil || time.Since(lastAgreed) > settling):
			return nil, conflict
		case conflict == nil && lacking == 0:
			return observed, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("after %v revision %d is not in force at %d of %d gateways:\n%s",
				w.timeout, w.revision, lacking, len(w.admins), w.describe(observed))
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
		}
	}
}

// observation is the last response of a gateway, and the error of an attempt after
// it.
type observation struct {
	last *readiness // nil: none yet
	err  error
}

// poll asks each gateway once. It ignores the errors of requests that ctx ended.
func (w *wait) poll(ctx context.Context, c *http.Client, observed []observation) {
	var polling sync.WaitGroup
	for i, admin := range w.admins {
		polling.Go(func() {
			r, err := askReadiness(ctx, c, admin)
			switch {
			case err == nil:
				observed[i] = observation{last: r}
			case ctx.Err() == nil:
				observed[i].err = err
			}
		})
	}
	polling.Wait()
}

func askReadiness(ctx context.Context, c *http.Client, admin string) (*readiness, error) {
	res, err := send(ctx, c, http.MethodGet, admin, "/readyz", "")
	switch {
	case err != nil:
		return nil, err
	case res.status != http.StatusOK && res.status != http.StatusServiceUnavailable:
		return nil, errors.New("it answers " + res.statusText())
	}
	r := new(readiness)
	return r, res.decode(r)
}

// isCurrent reports whether the last attempt found a revision of a store that was
// not reset.
func (o *observation) isCurrent() bool {
	return o.last != nil && o.err == nil && o.last.Store.Identity != "" && o.last.Store.Reset == nil
}

// compare returns how many gateways do not have the revision, and an error if
// gateways use another store than the wanted one, or different stores.
func (w *wait) compare(observed []observation) (lacking int, conflict error) {
	wanted := w.identity
	for i := range observed {
		o := &observed[i]
		if !o.isCurrent() || o.last.Revision < w.revision {
			lacking++
		}
		switch {
		case !o.isCurrent() || o.last.Store.Identity == wanted:
		case wanted == "":
			wanted = o.last.Store.Identity
		case w.identity != "":
			conflict = fmt.Errorf("a gateway uses another store than %s:\n%s", escape.Text(w.identity), w.describe(observed))
		default:
			conflict = fmt.Errorf("the gateways do not share a store, so their revisions cannot be compared:\n%s", w.describe(observed))
		}
	}
	return lacking, conflict
}

// describe returns a line for each gateway.
func (w *wait) describe(observed []observation) string {
	lines := make([]string, len(observed))
	for i, o := range observed {
		lines[i] = escape.Text(fmt.Sprintf("  %s: %s", w.admins[i], o))
	}
	return strings.Join(lines, "\n")
}

// String returns what a gateway has.
func (o observation) String() string {
	switch {
	case o.last == nil && o.err == nil:
		return "no response yet"
	case o.last == nil:
		return o.err.Error()
	case o.err != nil:
		return o.last.String() + ", then " + o.err.Error()
	}
	return o.last.String()
}

// readiness is what the commands read of the response of /readyz.
type readiness struct {
	Revision uint64   `json:"revision"`
	Age      *float64 `json:"age"` // seconds; nil: never confirmed
	Problem  string   `json:"problem"`
	Store    struct {
		Identity string    `json:"identity"`
		Reset    *struct{} `json:"reset"`
	} `json:"store"`
}

// String returns a line for the output of wait.
func (r *readiness) String() string {
	parts := []string{"no revision yet"}
	if r.Store.Identity != "" {
		parts[0] = fmt.Sprintf("revision %d of store %s", r.Revision, r.Store.Identity)
	}
	if r.Age != nil {
		parts = append(parts, fmt.Sprintf("confirmed %.1fs before", *r.Age))
	}
	if r.Problem != "" {
		parts = append(parts, r.Problem)
	}
	return strings.Join(parts, ", ")
}
