-- From structure 2 to structure 3. Never changed.

-- The conversation that the worker's next start goes on with, JSON.
ALTER TABLE worker ADD COLUMN conversation TEXT;

-- Of a text that came by an inbox, the name of its file: bytes, for a name need not be text.
ALTER TABLE nudge ADD COLUMN item BLOB;

-- What the agent of an attempt was not told yet, as JSON, and the phase that it was told of last; null
-- where an earlier version decided it, so that it is told nothing of what it may know.
ALTER TABLE attempt ADD COLUMN owed TEXT;
ALTER TABLE attempt ADD COLUMN knows TEXT;

-- The usage limit that a worker is at, as JSON; null where it is at none.
ALTER TABLE worker ADD COLUMN usage_limit TEXT;
