package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// OnlyCommands is the Args of a command that is a group of others.
func OnlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(like, " or "))
	}
	return err
}

// NoArguments is the Args of a command that takes flags alone.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, but got %q", cmd.Name(), args[0])
}

// Arguments returns the Args of a command that takes at least and at most so many
// arguments, none of them empty; 0 is no limit. names is how its usage names them.
func Arguments(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s needs %s", cmd.Name(), names)
		case most > 0 && len(args) > most:
			return fmt.Errorf("%s takes only %s, but got %q too", cmd.Name(), names, args[most])
		case slices.Contains(args, ""):
			return fmt.Errorf("%s needs %s, but got an empty argument", cmd.Name(), names)
		}
		return nil
	}
}

// ShowHelp is the RunE of a command that is a group of others.
func ShowHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// failure is the error of a command that was called correctly.
type failure struct{ error }

// Unwrap returns what failed.
func (f failure) Unwrap() error { return f.error }

// Failed returns err, if it is not nil, as the failure of a command that was
// called correctly. Any other error of a command is a mistake in how it was
// called.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

// IsFailure reports whether err is one of Failed.
func IsFailure(err error) bool {
	_, is := errors.AsType[failure](err)
	return is
}

// ErrDiffers is the result of a dry run that found differences. It is not a mistake,
// and nothing is printed for it.
var ErrDiffers = errors.New("there are differences")

// JoinFailures returns the failures as one, or the first error that is a mistake
// in how the command was called.
func JoinFailures(failures []error) error {
	for _, err := range failures {
		if !IsFailure(err) {
			return err
		}
	}
	return Failed(errors.Join(failures...))
}

// OpenInput opens a file, or stdin if its name is "-".
func OpenInput(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

// ReadUntilStopped returns what read returns, or an error when ctx ends before: nobody may
// ever write to a terminal or a pipe. What reads then ends with the process.
func ReadUntilStopped[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	results := make(chan result, 1)
	go func() {
		value, err := read()
		results <- result{value, err}
	}()
	select {
	case r := <-results:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), errors.New("stopped while reading the input")
	}
}

// ReadAtMost reads all of an input, or fails if it is larger than limit.
func ReadAtMost(input io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(input, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, fmt.Errorf("it is too large: more than %d bytes", limit)
	}
	return text, err
}
