-- What each write changed. The time is in milliseconds since 1970-01-01, UTC. number
-- counts a tenant's records, so that the difference of two is how many are between
-- them. record is JSON, compressed by gzip if it is long.
CREATE TABLE history (
    revision    INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    integration TEXT NOT NULL,
    time        INTEGER NOT NULL,
    record      BLOB NOT NULL
) STRICT;

CREATE INDEX history_by_tenant ON history (tenant, revision);
CREATE INDEX history_by_integration ON history (tenant, integration, revision);
