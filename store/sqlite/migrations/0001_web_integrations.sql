-- The revision of the last write, 0 before the first one. It is kept apart from
-- the entries so that no deletion takes it back.
CREATE TABLE store (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO store (only_row, revision) VALUES (1, 0);

-- What a tenant has, counted, so that its limits cost the same at any size.
CREATE TABLE tenants (
    id           TEXT PRIMARY KEY,
    integrations INTEGER NOT NULL,
    origins      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Times are in seconds since 1970-01-01, UTC; valid_origins is a JSON array of
-- strings and origins their number.
CREATE TABLE web_integrations (
    id            TEXT PRIMARY KEY NOT NULL,
    tenant        TEXT NOT NULL REFERENCES tenants (id),
    name          TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    origins       INTEGER NOT NULL AS (json_array_length(valid_origins)) STORED,
    valid_origins TEXT NOT NULL
) STRICT;

-- The order of pages.
CREATE INDEX web_integrations_by_name ON web_integrations (tenant, name, id);
