// Package snapshot keeps the last good lists on disk, for a start without the
// store.
//
// A snapshot is files in a directory of its own: segments, which hold lists,
// and a manifest, which names the segments with their sizes and SHA-256 sums.
// What changed since the last write goes into a new segment; renaming a new
// manifest over the old one is what puts it in force. Segments are never
// changed, and are merged as they age, so that a write costs what has changed,
// and the directory is never more than about twice the lists.
//
// A snapshot of which anything is missing, cut off or altered is refused as a
// whole. So is one that was invalidated, by emptying its manifest, because a
// change after it could not be written: no lists are better than those that
// undo a revocation.
//
// The sums are against accidents: whoever may write to the directory may write
// lists, and so Open refuses one that others may write to.
package snapshot
