package config

import (
	"fmt"
	"os"

	"originwarden/cmd/originwarden/config/strictyaml"
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
	found := strictyaml.New(file, strictyaml.Inheritance{Key: defaultsKey, Value: &cfg.Defaults, By: "tenants"})
	if isText := found.CheckText(text); isText {
		c := &checker{findings{found}, cfg}
		decoded := found.Decode(text, cfg)
		c.applyFlags(flags)
		if decoded {
			check(c)
		}
	}
	if mistakes := found.Sorted(); len(mistakes) > 0 {
		return nil, mistakes
	}
	return cfg, nil
}
