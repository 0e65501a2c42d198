// Package config reads the configuration: a YAML file, and the flags that
// override it. It is strict and reports all mistakes at once, each with its
// line.
//
// It starts nothing, and opens only the file and the files that it names.
package config
