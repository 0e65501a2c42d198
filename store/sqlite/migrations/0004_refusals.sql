-- Refused origins. Times are in seconds since 1970-01-01, UTC; dismissed is 0 if it is
-- not. They have no revision: they are no part of what the lists are compared by.
CREATE TABLE refusals (
    tenant    TEXT NOT NULL,
    origin    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    method    TEXT NOT NULL,
    path      TEXT NOT NULL,
    agent     TEXT NOT NULL,
    own_host  INTEGER NOT NULL,
    dismissed INTEGER NOT NULL,
    PRIMARY KEY (tenant, origin, reason)
) STRICT, WITHOUT ROWID;
