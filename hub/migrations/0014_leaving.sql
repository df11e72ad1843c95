-- People who leave for good (docs/ACCOUNTS.md). Their access ended when they were noted here; what is theirs is emptied slice by
-- slice, also after a restart, and then the account goes. The note stays, so that nothing of theirs that was still on its way
-- comes in afterwards.
CREATE TABLE leaving (
  user_id TEXT PRIMARY KEY NOT NULL,
  since INTEGER NOT NULL,
  -- When the account went; NULL while something is left to be done.
  gone_at INTEGER
) WITHOUT ROWID;
