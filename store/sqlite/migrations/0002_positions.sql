-- Which store this is, so that revisions of another one are never taken for its own.
ALTER TABLE store ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE store SET identity = lower(hex(randomblob(16)));

-- The revision of a tenant's last write. What it was until now is not known
-- where something was deleted, but it was not after the store's.
ALTER TABLE tenants ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
UPDATE tenants SET revision = (SELECT revision FROM store);
