package apply

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
)

// readFiles reads all files. The error has all mistakes, and files that cannot be read.
func readFiles(names []string, stdin io.Reader) ([]listfile.WebIntegration, error) {
	var reader listfile.Reader
	var failures []error
	for _, name := range names {
		files, err := listFiles(name)
		failures = append(failures, err)
		for _, file := range files {
			text, err := readFile(file, stdin)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			reader.Add(shownName(file), text)
		}
	}
	all, err := reader.All()
	if err := errors.Join(append(failures, err)...); err != nil {
		return nil, err
	}
	return all, nil
}

// listFiles returns the files of a directory that can be lists, sorted by name, and
// anything else as it is.
func listFiles(name string) ([]string, error) {
	found, err := os.Stat(name)
	if name == "-" || err != nil || !found.IsDir() {
		return []string{name}, nil // an error will come again
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(name, entry.Name())
		stat, err := os.Stat(file) // follows links, as those of a Kubernetes ConfigMap
		if err == nil && !stat.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
	}
	if files == nil {
		return nil, fmt.Errorf("%s: the directory has no .yaml, .yml or .json file", escape.Text(name))
	}
	return files, nil
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	f, err := command.OpenInput(name, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := command.ReadAtMost(f, listfile.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", escape.Text(shownName(name)), err)
	}
	return text, nil
}

func shownName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}
