-- The structure of loopkeeper.db, number 1. Never changed: a new structure is a new file with the
-- statements that lead from this one to it. Moments are RFC 3339 in UTC.

-- written_by: version of the program; paused: the reason; goodbye: {"boot","at"}; alive: a moment;
-- point_lost: why there is no resume point although the plan may have been begun.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- At most one row. point is JSON, text is what phase-idx says for it, previous what it said before,
-- until it is known to have been replaced.
CREATE TABLE resume_point (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    point    TEXT NOT NULL,
    text     TEXT NOT NULL,
    previous TEXT
) STRICT;

-- Number 0 is the first boot that was ever seen, the others are reboots. record is JSON, or null for
-- a boot that is known only by its id from REBOOTS.md. listed: it is, or was, in REBOOTS.md.
CREATE TABLE boot (
    number  INTEGER NOT NULL PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE,
    record  TEXT,
    listed  INTEGER NOT NULL CHECK (listed IN (0, 1))
) STRICT;

-- What is known of a worker beside its attempts. stopped: by the operator; held: the reason;
-- restarts: JSON.
CREATE TABLE worker (
    name     TEXT NOT NULL PRIMARY KEY,
    stopped  INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    held     TEXT,
    restarts TEXT
) STRICT, WITHOUT ROWID;

-- number is the order in which they became their worker's last: clocks jump, so neither ids nor
-- moments tell which one that is. decided, boot and definition are null when only a later fact of
-- the attempt could be recorded. definition is the fingerprint's 64 bits; identity, stopping and
-- exit are JSON.
CREATE TABLE attempt (
    number     INTEGER NOT NULL PRIMARY KEY,
    worker     TEXT NOT NULL,
    attempt    TEXT NOT NULL,
    decided    TEXT,
    boot       TEXT,
    phase      TEXT,
    definition INTEGER,
    identity   TEXT,
    stopping   TEXT,
    ended      TEXT,
    exit       TEXT,
    stopped    TEXT,
    UNIQUE (worker, attempt)
) STRICT;
CREATE INDEX attempt_by_worker ON attempt (worker, number);

CREATE TABLE notice (
    number  INTEGER NOT NULL PRIMARY KEY,
    at      TEXT NOT NULL,
    event   TEXT NOT NULL,
    level   TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
    worker  TEXT,
    attempt TEXT,
    phase   TEXT,
    text    TEXT NOT NULL
) STRICT;
CREATE INDEX notice_by_worker ON notice (worker, number);
