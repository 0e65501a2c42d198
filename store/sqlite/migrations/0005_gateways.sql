-- The heartbeats of gateways. written is in milliseconds since 1970-01-01, UTC;
-- heartbeat is a JSON object.
CREATE TABLE gateways (
    name      TEXT PRIMARY KEY NOT NULL,
    written   INTEGER NOT NULL,
    heartbeat TEXT NOT NULL
) STRICT, WITHOUT ROWID;
