-- What was done, by number. The columns before event are copies of what it
-- says, to find it by.
CREATE TABLE trail (
	seq        INTEGER PRIMARY KEY,
	time       INTEGER NOT NULL,
	workspace  TEXT    NOT NULL,
	credential TEXT    NOT NULL,
	actor      TEXT    NOT NULL,
	action     TEXT    NOT NULL,
	event      BLOB    NOT NULL,
	hash       BLOB    NOT NULL
) STRICT;

CREATE INDEX trail_by_workspace ON trail (workspace);
CREATE INDEX trail_by_credential ON trail (credential) WHERE credential <> '';
