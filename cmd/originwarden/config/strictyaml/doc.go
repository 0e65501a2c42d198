// Package strictyaml decodes YAML into structs. It refuses unknown and duplicate keys,
// and reports all mistakes at once, each with its line.
package strictyaml
