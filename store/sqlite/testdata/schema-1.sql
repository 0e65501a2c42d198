-- A store as the build of 2c062db has written it, by sqlite3 FILE .dump.
PRAGMA application_id = 0x4f57646e;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE store (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO store VALUES(1,6);
CREATE TABLE tenants (
    id           TEXT PRIMARY KEY,
    integrations INTEGER NOT NULL,
    origins      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO tenants VALUES('acme',2,3);
INSERT INTO tenants VALUES('globex',1,1);
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
INSERT INTO web_integrations VALUES('Wwi0sYeCeCysdWwgfsmE4R30gzt8kbp0','acme','Shop','ops',1796018480,1796018481,5,'["https://shop.example","https://m.shop.example"]');
INSERT INTO web_integrations VALUES('V21v7zSwc_RMKTZx6ixRbZm2_-CObddh','acme','Portal','ops',1796018480,1796018480,2,'["https://portal.example"]');
INSERT INTO web_integrations VALUES('TzCDBVAMBJSX-k_HUQ2Nr2Kqonh5IhSU','globex','Shop','ops',1796018480,1796018480,4,'["http://localhost:3000"]');
CREATE INDEX web_integrations_by_name ON web_integrations (tenant, name, id);
COMMIT;
