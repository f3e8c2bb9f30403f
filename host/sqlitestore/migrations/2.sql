-- When a host should look at the record without being asked; NULL: never.
ALTER TABLE records ADD COLUMN due INTEGER;

CREATE INDEX records_by_due ON records (due, workspace, id) WHERE due IS NOT NULL;

-- How long the record's intent is; NULL: there is none.
ALTER TABLE records ADD COLUMN intent INTEGER;

-- Data ends with the intent, and is padded as what is sealed. It is apart from
-- that, so that a note does not write what is sealed anew.
CREATE TABLE intents (
	record INTEGER PRIMARY KEY,
	data   BLOB    NOT NULL
) STRICT;
