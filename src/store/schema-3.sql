-- From structure 2 to structure 3. Never changed.

-- The conversation that the worker's next start goes on with, JSON.
ALTER TABLE worker ADD COLUMN conversation TEXT;

-- Of a text that came by an inbox, the name of its file: bytes, for a name need not be text.
ALTER TABLE nudge ADD COLUMN item BLOB;
