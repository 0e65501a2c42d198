// Package disk keeps the last good lists in a SQLite file, for a start without
// the store.
//
// The file has a row for each web integration, one for each tenant, and one for
// the position. A write changes the rows that differ, and the position, in one
// transaction. Every row has a SHA-256 digest, and the position's row has the
// combination of all of them: a row that was lost, added or altered is noticed.
//
// A file in which anything is wrong is refused as a whole. So is one that was
// invalidated, by truncating it to nothing, because a change after it could not
// be written: no lists are better than lists that undo a revocation. SQLite does
// not restore a truncated file from its rollback journal, and Read does not even
// ask it to.
//
// The digests detect accidents, not attacks. A user who can write to the
// directory can add origins to the lists, so Open refuses a directory that others
// may write to.
package disk
