// Package upgrade tests gateways of two builds on the same data: this one, and the last
// one before the history of changes. It builds that one from the history of the
// repository, and skips its tests where a clone lacks that. All of it is in tests.
package upgrade
