//go:build !linux && !darwin

package sqlite

import "originwarden/store"

// diskTrouble returns what is wrong with the file system of a file, or "".
func diskTrouble(string) store.Cause { return "" }
