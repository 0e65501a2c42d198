package config

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Flag is a flag of the command line whose value takes the place of the
// file's: listen, admin-listen, upstream, store, data, mode or log-format.
type Flag struct {
	Name  string // without its hyphens
	Value string
}

// Load reads the file, or begins with the defaults if its name is empty, and
// lets the flags take the place of what is there. The error is Mistakes, with
// every one that there is.
func Load(file string, flags ...Flag) (*Config, error) {
	return load(file, flags, (*checker).check)
}

func load(file string, flags []Flag, check func(*checker)) (*Config, error) {
	if file == "" {
		return parse("", nil, flags, check)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, Mistakes{{Message: fmt.Sprintf("reading the configuration: %v", err)}}
	}
	return parse(file, text, flags, check)
}

// Parse is Load for the text of a file that is called so.
func Parse(file string, text []byte, flags ...Flag) (*Config, error) {
	return parse(file, text, flags, (*checker).check)
}

func parse(file string, text []byte, flags []Flag, check func(*checker)) (*Config, error) {
	cfg := Default()
	found := &findings{file: file, places: map[string]place{}, broken: map[string]bool{}}
	if !found.unreadable(text) {
		d := decoder{found}
		d.document(text, cfg)
		d.flags(flags, cfg)
	}
	if len(found.mistakes) == 0 || found.places[""] != (place{}) {
		check(&checker{found, cfg})
	}
	if err := found.result(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// document decodes the only YAML document of text. An empty one configures
// nothing.
func (d *decoder) document(text []byte, cfg *Config) {
	source := yaml.NewDecoder(bytes.NewReader(text))
	var root, next yaml.Node
	err := source.Decode(&root)
	if errors.Is(err, io.EOF) {
		d.places[""] = place{line: 1}
		return
	}
	if err == nil {
		if err = source.Decode(&next); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		d.syntax(err, text)
		return
	}
	if next.Kind != 0 {
		d.add(place{line: next.Line}, "a second document: the configuration is one")
	}
	d.value(root.Content[0], "", reflect.ValueOf(cfg).Elem())
}

// unreadable reports bytes that are no text, which the YAML package refuses
// without saying where.
func (f *findings) unreadable(text []byte) bool {
	for i, line := range bytes.Split(text, []byte("\n")) {
		switch {
		case !utf8.Valid(line):
			f.add(place{line: i + 1}, "the line is not UTF-8")
		case bytes.ContainsFunc(line, isControl):
			f.add(place{line: i + 1}, "the line has a control character")
		}
	}
	return len(f.mistakes) > 0
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\r' || r >= 0x7f && r < 0xa0
}

// syntax reports what the YAML package says is wrong with text. Its scanner
// counts lines from 1, its parser from 0, and some of its messages have none.
func (f *findings) syntax(err error, text []byte) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, problem, _ := strings.Cut(rest, ": ")
		line, _ = strconv.Atoi(number)
		message = problem
		if fromParser(problem) {
			line++
		}
	}
	if rest, ok := strings.CutPrefix(message, "unknown anchor '"); ok {
		anchor, _, _ := strings.Cut(rest, "'")
		before, _, _ := bytes.Cut(text, []byte("*"+anchor))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	lines := bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) + 1
	f.add(place{line: min(line, lines)}, "%s", message)
}

func fromParser(problem string) bool {
	return slices.Contains([]string{
		"did not find expected key", "did not find expected '-' indicator", "did not find expected node content",
		"did not find expected ',' or ']'", "did not find expected ',' or '}'", "did not find expected <document start>",
		"did not find expected <stream-start>", "found undefined tag handle",
	}, problem)
}

// flags puts the values of flags in the place of the file's: upstream first,
// for it can make the tenant that mode speaks of.
func (d *decoder) flags(flags []Flag, cfg *Config) {
	flags = slices.SortedStableFunc(slices.Values(flags), func(a, b Flag) int {
		return cmp.Compare(b.Name, a.Name)
	})
	for _, flag := range flags {
		written := place{flag: flag.Name}
		switch flag.Name {
		case "listen":
			cfg.Listen, d.places["listen"] = flag.Value, written
		case "admin-listen":
			cfg.Admin.Listen, d.places["admin.listen"] = flag.Value, written
		case "store":
			d.flag(flag, "store.url", &cfg.Store.URL)
		case "data": // the directory of a store
			path := "sqlite:" + filepath.Join(flag.Value, Default().Store.URL.Path)
			d.flag(Flag{flag.Name, path}, "store.url", &cfg.Store.URL)
		case "log-format":
			d.flag(flag, "log.format", &cfg.Log.Format)
		case "upstream":
			if t := d.onlyTenant(flag, cfg); t != nil {
				d.flag(flag, "tenants[0].upstream", &t.Upstream)
			}
		case "mode":
			if t := d.onlyTenant(flag, cfg); t != nil {
				d.flag(flag, "tenants[0].mode", &t.Mode)
			}
		}
	}
}

func (d *decoder) flag(flag Flag, path string, into encoding.TextUnmarshaler) {
	d.places[path] = place{flag: flag.Name}
	if err := into.UnmarshalText([]byte(flag.Value)); err != nil {
		d.wrong(path, "%v", err)
	}
}

// onlyTenant is the one that a flag speaks of. Where the file has none,
// upstream makes one without hosts.
func (d *decoder) onlyTenant(flag Flag, cfg *Config) *Tenant {
	written := place{flag: flag.Name}
	switch {
	case len(cfg.Tenants) == 1:
	case len(cfg.Tenants) > 1:
		d.add(written, "the file has %d tenants, and the flag does not say which is meant", len(cfg.Tenants))
		return nil
	case d.broken["tenants"]:
		return nil
	case flag.Name == "upstream":
		t := Tenant{}
		t.setDefaults()
		t.ID = "default"
		cfg.Tenants = []Tenant{t}
		d.places["tenants[0]"], d.places["tenants[0].id"] = written, written
	default:
		d.add(written, "there is no tenant to apply it to")
		return nil
	}
	return &cfg.Tenants[0]
}
