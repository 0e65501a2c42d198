// Package cli is the command line of originwarden: its commands, and what they
// print.
package cli
