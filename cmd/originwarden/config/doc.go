// Package config reads the configuration: one YAML file, and what the command
// line puts in its place. It is strict, and reports every mistake at once with
// the line where it stands.
//
// It starts nothing and opens nothing but the file.
package config
