-- When the requests of each tenant were observed without a long gap, in seconds since
-- 1970-01-01, UTC.
CREATE TABLE observations (
    tenant TEXT PRIMARY KEY NOT NULL,
    since  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
