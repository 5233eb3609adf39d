-- From structure 2 to structure 3. Never changed.

-- The conversation that the worker's next start goes on with, JSON.
ALTER TABLE worker ADD COLUMN conversation TEXT;
