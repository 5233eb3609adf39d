-- From structure 3 to structure 4. Never changed.

-- What keeps the worker's agent from its work, and what was done about it, as JSON; null where nothing does.
ALTER TABLE worker ADD COLUMN unstick TEXT;

-- What the worker has spent of a day, as JSON; null where nobody counts it.
ALTER TABLE worker ADD COLUMN spent TEXT;

-- What is known of the rounds of a worker, as JSON; null where that is nothing.
ALTER TABLE worker ADD COLUMN breaker TEXT;

-- Where that is mounted on which a worktree was last seen.
CREATE TABLE worktree (
    path  BLOB NOT NULL PRIMARY KEY,
    is_on BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- By what a text is known again on an input line, without saying what it is; null where it cannot be.
ALTER TABLE nudge ADD COLUMN digest INTEGER;

-- The last sign of work that its agent gave, as JSON, once that is a while ago.
ALTER TABLE attempt ADD COLUMN last_sign TEXT;
