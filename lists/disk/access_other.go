//go:build !unix

package disk

import "io/fs"

const syncsDirectories = false

// checkPrivate checks nothing, since it does not know access control lists.
func checkPrivate(fs.FileInfo) error { return nil }
