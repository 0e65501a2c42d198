package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Load reads the file, or starts from the defaults if its name is empty, and
// applies the flags. The error is Mistakes.
func Load(file string, flags ...Flag) (*Config, error) { return load(file, flags, (*checker).check) }

// LoadStore is Load for a command that opens the store and serves nothing:
// tenants and tokens may be missing.
func LoadStore(file string, flags ...Flag) (*Config, error) {
	return load(file, flags, (*checker).checkStoreAlone)
}

// Parse is Load for the text of a file of that name.
func Parse(file string, text []byte, flags ...Flag) (*Config, error) {
	return parse(file, text, flags, (*checker).check)
}

func load(file string, flags []Flag, check func(*checker)) (*Config, error) {
	var text []byte
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, Mistakes{{Message: fmt.Sprintf("reading the configuration: %v", err)}}
		}
	}
	return parse(file, text, flags, check)
}

func parse(file string, text []byte, flags []Flag, check func(*checker)) (*Config, error) {
	cfg := Default()
	found := &findings{file: file, positions: map[string]position{}, invalid: map[string]bool{}}
	d := decoder{found}
	if found.checkText(text); len(found.mistakes) == 0 {
		decoded := d.decodeDocument(text, cfg)
		d.applyFlags(flags, cfg)
		if decoded {
			check(&checker{found, cfg})
		}
	}
	if len(found.mistakes) > 0 {
		return nil, found.sorted()
	}
	return cfg, nil
}

// checkText reports the lines that are not text, which the YAML package rejects
// without a line number.
func (f *findings) checkText(text []byte) {
	for i, line := range bytes.Split(text, []byte("\n")) {
		switch {
		case !utf8.Valid(line):
			f.report(position{line: i + 1}, "the line is not UTF-8")
		case bytes.ContainsFunc(line, func(r rune) bool { return r != '\t' && r != '\r' && unicode.IsControl(r) }):
			f.report(position{line: i + 1}, "the line has a control character")
		}
	}
}

// decodeDocument decodes the only YAML document of text, which may be empty. It
// returns false for text that is not YAML.
func (d *decoder) decodeDocument(text []byte, cfg *Config) bool {
	source := yaml.NewDecoder(bytes.NewReader(text))
	var root, next yaml.Node
	err := source.Decode(&root)
	if errors.Is(err, io.EOF) {
		d.positions[""] = position{line: 1}
		return true
	}
	if err == nil {
		err = source.Decode(&next)
	}
	switch {
	case err == nil:
		d.report(position{line: next.Line}, "a second YAML document: only one is allowed")
	case !errors.Is(err, io.EOF):
		d.report(position{}, "%v", err) // with the line as the YAML package counts it
		return false
	}
	d.decodeValue(root.Content[0], "", reflect.ValueOf(cfg).Elem())
	return true
}
