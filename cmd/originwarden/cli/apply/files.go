package apply

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
)

// readFiles reads all files. The error has all mistakes.
func readFiles(names []string, stdin io.Reader) ([]listfile.WebIntegration, error) {
	var files []string
	for _, name := range names {
		below, err := listFiles(name)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	var reader listfile.Reader
	for _, name := range files {
		text, err := readFile(name, stdin)
		if err != nil {
			return nil, err
		}
		reader.Add(shownName(name), text)
	}
	return reader.All()
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
