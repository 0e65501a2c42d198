-- Since when the requests of each tenant are observed, in seconds since 1970-01-01, UTC.
CREATE TABLE observations (
    tenant TEXT PRIMARY KEY NOT NULL,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
