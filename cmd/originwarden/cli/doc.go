// Package cli is the command line of originwarden. Commands that call servers are in
// packages below it.
package cli
