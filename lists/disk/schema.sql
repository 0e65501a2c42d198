CREATE TABLE snapshot (
	id        INTEGER PRIMARY KEY,
	format    INTEGER NOT NULL,
	store     TEXT NOT NULL,    -- the identity of the store
	revision  INTEGER NOT NULL,
	confirmed INTEGER NOT NULL, -- seconds since 1970
	digests   BLOB NOT NULL,    -- of all rows of lists, combined
	digest    BLOB NOT NULL     -- of this row
) STRICT;
CREATE TABLE lists (
	id          INTEGER PRIMARY KEY,
	tenant      TEXT NOT NULL,
	kind        INTEGER NOT NULL,
	integration TEXT NOT NULL,
	revision    INTEGER NOT NULL,
	origins     TEXT NOT NULL,  -- one a line
	digest      BLOB NOT NULL
) STRICT;
