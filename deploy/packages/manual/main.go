// Command manual writes the man pages and the completions of the originwarden command.
// Usage: manual DIR. The date of the pages is SOURCE_DATE_EPOCH.
package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"originwarden/cmd/originwarden/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "manual: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: manual DIR")
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading SOURCE_DATE_EPOCH: %w", err)
	}
	root := cli.NewRoot(cli.Environment{})
	if err := writeManual(root, time.Unix(seconds, 0).UTC(), filepath.Join(args[0], "man")); err != nil {
		return err
	}
	return writeCompletions(root, filepath.Join(args[0], "completions"))
}

// writeManual writes a page for each command, compressed as distributions want it.
func writeManual(root *cobra.Command, date time.Time, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	disableGenerationTag(root)
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "originwarden", Manual: "originwarden"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("writing man pages: %w", err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	for _, page := range pages {
		err = errors.Join(err, compress(page))
	}
	return err
}

// disableGenerationTag leaves out the section HISTORY, which has the date of today.
func disableGenerationTag(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	for _, below := range cmd.Commands() {
		disableGenerationTag(below)
	}
}

// compress replaces a file by its gzip file, which has neither a name nor a time.
func compress(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	err = writeFile(file+".gz", func(w io.Writer) error {
		packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		_, err = packed.Write(text)
		return errors.Join(err, packed.Close())
	})
	return errors.Join(err, os.Remove(file))
}

// writeCompletions writes the scripts with the names under which shells look for them.
func writeCompletions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "originwarden"), func(w io.Writer) error { return root.GenBashCompletionV2(w, true) }),
		writeFile(filepath.Join(dir, "_originwarden"), root.GenZshCompletion),
		writeFile(filepath.Join(dir, "originwarden.fish"), func(w io.Writer) error { return root.GenFishCompletion(w, true) }),
		writeFile(filepath.Join(dir, "originwarden.ps1"), root.GenPowerShellCompletionWithDesc),
	)
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
