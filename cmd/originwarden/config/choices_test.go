package config_test

import (
	"encoding"
	"testing"

	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
)

func TestChoices_UnmarshalText(t *testing.T) {
	testChoices(t, map[string]config.Mode{"enforce": config.Enforce, "headers": config.Headers, "report": config.Report})
	testChoices(t, map[string]config.Requirement{"none": config.Requirement(origins.RequireNone),
		"websocket": config.Requirement(origins.RequireWebSocket), "unsafe": config.Requirement(origins.RequireUnsafe)})
	testChoices(t, map[string]config.Patterns{"none": config.Patterns(origins.NoPatterns),
		"own": config.Patterns(origins.OwnPatterns), "hosted": config.Patterns(origins.HostedPatterns)})
	testChoices(t, map[string]config.Role{"reader": config.RoleReader, "admin": config.RoleAdmin})
	testChoices(t, map[string]config.Creation{"auto": config.CreateAuto, "never": config.CreateNever})
	testChoices(t, map[string]config.HostSource{"client": config.HostOfClient, "upstream": config.HostOfUpstream})
	testChoices(t, map[string]config.Level{"debug": config.Level(zapcore.DebugLevel), "info": config.Level(zapcore.InfoLevel),
		"warn": config.Level(zapcore.WarnLevel), "error": config.Level(zapcore.ErrorLevel)})
	testChoices(t, map[string]config.Format{"json": config.JSON, "console": config.Console, "auto": config.Auto})
}

func testChoices[T comparable](t *testing.T, choices map[string]T) {
	t.Helper()
	for name, want := range choices {
		var got T
		if err := any(&got).(encoding.TextUnmarshaler).UnmarshalText([]byte(name)); err != nil || got != want {
			t.Errorf("%T: UnmarshalText(%q) = %v, %v, want %v", got, name, got, err, want)
		}
	}
}
