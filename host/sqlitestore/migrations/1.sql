-- Times are nanoseconds since 1970, but for a lease's end and a deletion's
-- time: those are milliseconds in this file's own clock.

CREATE TABLE records (
	record      INTEGER PRIMARY KEY,
	workspace   TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	kind        TEXT    NOT NULL,
	type        TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	generation  INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	size        INTEGER NOT NULL, -- of what is sealed
	seq         INTEGER NOT NULL UNIQUE, -- of the newest change
	lease_owner TEXT    NOT NULL DEFAULT '',
	lease_epoch INTEGER NOT NULL DEFAULT 0,
	lease_until INTEGER NOT NULL DEFAULT 0,
	UNIQUE (workspace, id)
) STRICT;

CREATE INDEX records_by_kind ON records (workspace, kind, id, type);

-- Data ends with what is sealed. What is before are zeros: see padding.go.
CREATE TABLE sealed (
	record INTEGER PRIMARY KEY,
	data   BLOB    NOT NULL
) STRICT;

-- Deletions are kept for a while, so that every host learns of them.
CREATE TABLE deletions (
	seq       INTEGER PRIMARY KEY,
	workspace TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	deleted   INTEGER NOT NULL
) STRICT;

-- One row. Changes and the epochs of leases are numbered by one sequence, so
-- that both rise even over a record that is deleted and made again. It begins
-- at 1, not 0: who follows an empty store must have a number to follow from.
CREATE TABLE sequence (
	last      INTEGER NOT NULL,
	forgotten INTEGER NOT NULL -- the newest deletion that is not kept any more
) STRICT;

INSERT INTO sequence (last, forgotten) VALUES (1, 0);
