package cli

import (
	"fmt"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
)

// startListName is the name of the web integration that --origin makes.
const startListName = "serve --origin"

// checkStartList returns what is wrong with the origins of --origin.
func checkStartList(cfg *config.Config, entries []string) error {
	var mistakes config.Mistakes
	wrong := func(format string, values ...any) {
		mistakes = append(mistakes, config.Mistake{Where: "--origin", Message: fmt.Sprintf(format, values...)})
	}
	switch {
	case len(entries) == 0:
		return nil
	case len(cfg.Tenants) != 1:
		wrong("the file has %d tenants, and the flag does not say which is meant", len(cfg.Tenants))
	case cfg.Store.URL.Remote():
		wrong("it is for a SQLite file; other gateways share the lists of %s", cfg.Store.URL)
	}
	problems := store.OriginProblems(entries)
	for i, entry := range entries {
		if problems[i] != nil {
			wrong("%q: %v", entry, problems[i])
		}
	}
	if mistakes == nil {
		return nil
	}
	return mistakes
}
