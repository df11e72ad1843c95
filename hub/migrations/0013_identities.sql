-- Who a person is at the server that keeps the accounts (docs/ACCOUNTS.md). A user_id never changes: where the person came
-- from there it is their id there, and an account that was here first keeps its own.
CREATE TABLE identities (
  provider TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL,
  linked_at INTEGER NOT NULL,
  -- The provider's token by which it is asked whether they may still come in, sealed with a key that is in no backup;
  -- NULL before they first sign in, and when it is not good any more.
  token BLOB,
  -- When the provider last said that it is good.
  checked_at INTEGER NOT NULL,
  PRIMARY KEY (provider, subject)
) WITHOUT ROWID;
CREATE UNIQUE INDEX identities_user ON identities (user_id, provider);
