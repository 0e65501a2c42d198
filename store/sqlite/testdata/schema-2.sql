-- A store as the build of 5107258 has written it, by sqlite3 FILE .dump.
PRAGMA application_id = 0x4f57646e;
PRAGMA user_version = 2;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE store (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
, identity TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO store VALUES(1,6,'9d5d62083ce55bc2d5cc7b70a94e4632');
CREATE TABLE tenants (
    id           TEXT PRIMARY KEY,
    integrations INTEGER NOT NULL,
    origins      INTEGER NOT NULL
, revision INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO tenants VALUES('acme',2,3,6);
INSERT INTO tenants VALUES('globex',1,1,4);
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
INSERT INTO web_integrations VALUES('jGhKKPbrlR7PRUULp3RSI39lSgfqmi7-','acme','Shop','ops',1796017388,1796017388,5,'["https://shop.example","https://m.shop.example"]');
INSERT INTO web_integrations VALUES('0EFcR4zAJdYKnQMFWjK68vyM0pITh6uW','acme','Portal','ops',1796017388,1796017388,2,'["https://portal.example"]');
INSERT INTO web_integrations VALUES('7_3orCe_fTQKCpQO9-Ep9phxDDde8KoT','globex','Shop','ops',1796017388,1796017388,4,'["http://localhost:3000"]');
CREATE INDEX web_integrations_by_name ON web_integrations (tenant, name, id);
COMMIT;
