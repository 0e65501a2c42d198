package config

import "originwarden/cmd/originwarden/config/strictyaml"

// Mistake is one thing that is wrong with the configuration.
type Mistake = strictyaml.Mistake

// Mistakes are all that is wrong with a configuration: those of the file in the
// order of its lines, then those of the flags.
type Mistakes = strictyaml.Mistakes

type position = strictyaml.Position

// findings are the mistakes in a configuration, and the positions of its values.
type findings struct{ *strictyaml.Findings }

func (f findings) reportAt(path, format string, args ...any) { f.ReportAt(path, format, args...) }

func (f findings) isInvalid(path string) bool { return f.IsInvalid(path) }

func (f findings) isSet(path string) bool { return f.IsSet(path) }

func elementPath(path string, i int) string { return strictyaml.ElementPath(path, i) }
