-- loopkeeper.db with structure 4, as version 0.1.0 wrote it. Never changed.
PRAGMA application_id = 1282371440;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('alive','2026-11-21T01:46:39Z');
INSERT INTO meta VALUES('ending','{"phase":"2","since":"2026-11-21T01:45:56Z","boot":"00000000-0000-0000-0000-000000000001","mono":157000}');
INSERT INTO meta VALUES('goodbye','{"boot":"00000000-0000-0000-0000-000000000001","at":"2026-11-21T01:46:39Z"}');
INSERT INTO meta VALUES('paused','quota');
INSERT INTO meta VALUES('written_by','0.1.0');
CREATE TABLE resume_point (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    point    TEXT NOT NULL,
    text     TEXT NOT NULL,
    previous TEXT
) STRICT;
INSERT INTO resume_point VALUES(1,'{"index":2,"id":"2","count":6,"at":"2026-11-21T00:43:21Z","by":"plan"}',replace('2 2\n# phase 3 of 6, set 2026-11-21T00:43:21Z by plan; edit the first line to move the resume point\n','\n',char(10)),NULL);
CREATE TABLE boot (
    number  INTEGER NOT NULL PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE,
    record  TEXT,
    listed  INTEGER NOT NULL CHECK (listed IN (0, 1))
) STRICT;
INSERT INTO boot VALUES(0,'00000000-0000-0000-0000-000000000000','{"boot":"00000000-0000-0000-0000-000000000000","booted":"2026-11-21T00:43:19Z","seen":"2026-11-21T00:43:28Z","reboot":null}',1);
INSERT INTO boot VALUES(1,'00000000-0000-0000-0000-000000000001','{"boot":"00000000-0000-0000-0000-000000000001","booted":"2026-11-21T01:43:19Z","seen":"2026-11-21T01:43:28Z","reboot":{"from":"00000000-0000-0000-0000-000000000000","clean":true,"last_alive":"2026-11-21T01:42:19Z","running":["builder"],"resume_point":"phase 3 of 6, 2"}}',1);
CREATE TABLE worker (
    name     TEXT NOT NULL PRIMARY KEY,
    stopped  INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    held     TEXT,
    restarts TEXT
, conversation TEXT, usage_limit TEXT, unstick TEXT, spent TEXT, breaker TEXT) STRICT, WITHOUT ROWID;
INSERT INTO worker VALUES('adversary',0,'5 restarts','{"boot":"00000000-0000-0000-0000-000000000001","window":[5,70],"until":null,"streak":2,"total":9}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO worker VALUES('builder',1,NULL,NULL,'{"agent":"claude","id":"a0123d7a-9980-4cd9-9987-cb7215738a1f","phase":"2","begun":true}','{"words":"⎿  You''ve hit your limit · resets 3pm (UTC)","until":"2026-11-21T15:00:00Z","since":"2026-11-21T01:44:56.138474406Z","tried":null,"taken":false,"failed":0}','{"attempt":"20261121T004349Z-00000007","what":"stall","since":"2026-11-21T01:44:26.138474406Z","tried":"2026-11-21T01:44:56.138474406Z","taken":true,"tries":1,"committed":"2026-11-21T00:44:12Z","told":false,"over":null}','{"day":"2026-11-21","spent":{"turns":12,"time":3600000,"cost":250},"forgiven":{"turns":0,"time":0,"cost":0},"shown_turns":null,"shown_cost":250,"told":false,"at":"2026-11-21T01:44:56Z"}','{"fruitless":5,"committed":"2026-11-21T00:44:12Z","until":"2026-11-21T02:14:56Z","waits":1800000,"probing":false}');
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
    stopped    TEXT, owed TEXT, knows TEXT, last_sign TEXT,
    UNIQUE (worker, attempt)
) STRICT;
INSERT INTO attempt VALUES(1,'builder','20261121T004339Z-00000007','2026-11-21T00:43:39Z','00000000-0000-0000-0000-000000000001','1e',-2,NULL,'{"why":"operator","failed":false}','2026-11-21T00:43:44Z','{"signal":"SIGKILL"}','operator',NULL,NULL,NULL);
INSERT INTO attempt VALUES(2,'builder','20261121T004349Z-00000007','2026-11-21T00:43:49Z','00000000-0000-0000-0000-000000000001','1e',-2,'{"boot":"00000000-0000-0000-0000-000000000001","pid":4711,"started":99}','{"why":"the phase changed","failed":false}',NULL,NULL,NULL,NULL,NULL,'{"at":3630000,"sign":{"computes":"cargo"},"picture":17446744073709551557,"size":[80,24],"committed":{"at":"2026-11-21T00:44:12Z"},"heartbeat":"absent"}');
INSERT INTO attempt VALUES(3,'builder','20261121T004359Z-00000007',NULL,NULL,NULL,NULL,NULL,'{"why":"operator","failed":false}','2026-11-21T00:44:04Z','{"lost":"nobody saw it"}',NULL,'"start"','2',NULL);
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
INSERT INTO notice VALUES(1,'2026-11-21T00:43:20Z','attempt-ended','warning','builder','20261121T004320Z-00000007','1d','notice 1');
CREATE TABLE nudge (
    number  INTEGER NOT NULL PRIMARY KEY,
    nudge   INTEGER NOT NULL UNIQUE,
    worker  TEXT NOT NULL,
    attempt TEXT NOT NULL,
    begun   TEXT NOT NULL,
    about   TEXT NOT NULL
, item BLOB, digest INTEGER) STRICT;
INSERT INTO nudge VALUES(1,-7,'builder','20261121T004349Z-00000007','2026-11-21T00:43:50Z','"go on with issue 12…", 812 bytes',NULL,NULL);
INSERT INTO nudge VALUES(2,-6,'builder','20261121T004349Z-00000007','2026-11-21T00:43:50Z','"do the next thing", 17 bytes',X'6f6e652e6d64',-4821773401977102913);
CREATE TABLE worktree (
    path  BLOB NOT NULL PRIMARY KEY,
    is_on BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO worktree VALUES(X'2f7372762f6275696c646572',X'2f737276');
CREATE INDEX attempt_by_worker ON attempt (worker, number);
CREATE INDEX notice_by_worker ON notice (worker, number);
COMMIT;
