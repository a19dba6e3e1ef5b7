/** Tables of the accounts that may use a gateway. Secrets are here as hashes alone; money is TEXT, as in GATEWAY_SCHEMA. */
export const ACCOUNTS_SCHEMA = `
  CREATE TABLE organisations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    budget TEXT,
    created_ms INTEGER NOT NULL
  ) STRICT;
  -- The operator's own secret stands under an organisation that has no name.
  CREATE TABLE members (
    organisation TEXT NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('operator', 'owner', 'admin', 'member')),
    hash TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (organisation, id)
  ) STRICT;
  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    budget TEXT,
    day_budget TEXT,
    models TEXT,
    requests_per_minute INTEGER,
    tokens_per_minute INTEGER,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    rotated_ms INTEGER,
    revoked_ms INTEGER
  ) STRICT;
  CREATE INDEX keys_by_organisation ON keys (organisation, created_ms);
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    organisation TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_organisation ON audit (organisation, id);
  CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
  CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
`;
