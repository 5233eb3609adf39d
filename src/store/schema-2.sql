-- From structure 1 to structure 2. Never changed.

-- Texts for agents that were begun to be typed. One that is over is not here any more, so a daemon
-- that begins knows nothing of how those went that it finds. number is their order, nudge the id's
-- 64 bits; about tells how the text begins and how long it is, for the text itself is not kept.
CREATE TABLE nudge (
    number  INTEGER NOT NULL PRIMARY KEY,
    nudge   INTEGER NOT NULL UNIQUE,
    worker  TEXT NOT NULL,
    attempt TEXT NOT NULL,
    begun   TEXT NOT NULL,
    about   TEXT NOT NULL
) STRICT;
