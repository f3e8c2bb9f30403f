-- What was done, by number. The columns before event are copies of what it
-- says, to find it by.
CREATE TABLE credhost.trail (
	seq        bigint PRIMARY KEY,
	time       bigint NOT NULL,
	workspace  text COLLATE "C" NOT NULL,
	credential text COLLATE "C" NOT NULL,
	actor      text COLLATE "C" NOT NULL,
	action     text COLLATE "C" NOT NULL,
	event      bytea NOT NULL,
	hash       bytea NOT NULL
);

CREATE INDEX trail_by_workspace ON credhost.trail (workspace, seq);
CREATE INDEX trail_by_credential ON credhost.trail (credential, seq) WHERE credential <> '';

-- One row, which whoever adds to the trail locks until that is committed. An
-- advisory lock would do as well, if nobody else used the same number.
CREATE TABLE credhost.trail_turn (
	turn boolean PRIMARY KEY
);

INSERT INTO credhost.trail_turn (turn) VALUES (true);

-- These return what those of the first version do.

CREATE FUNCTION credhost.append_trail(
	_version bigint, _after bigint, _hash bytea,
	_times bigint[], _workspaces text[], _credentials text[], _actors text[], _actions text[], _events bytea[], _hashes bytea[]
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_last credhost.trail;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	PERFORM FROM credhost.trail_turn FOR UPDATE;
	SELECT * INTO _last FROM credhost.trail ORDER BY seq DESC LIMIT 1; -- sees what was committed before the lock was had
	IF coalesce(_last.seq, 0) <> _after OR coalesce(_last.hash, '') <> coalesce(_hash, '') THEN
		RETURN -1;
	END IF;
	INSERT INTO credhost.trail (seq, time, workspace, credential, actor, action, event, hash)
		SELECT _after + n, t, w, c, a, d, e, h
		FROM unnest(_times, _workspaces, _credentials, _actors, _actions, _events, _hashes)
			WITH ORDINALITY AS all_of(t, w, c, a, d, e, h, n);
	RETURN 1;
END $$;

CREATE FUNCTION credhost.trim_trail(_version bigint, _up_to bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	PERFORM FROM credhost.trail_turn FOR UPDATE;
	IF _up_to >= coalesce((SELECT max(seq) FROM credhost.trail), 0) THEN
		RETURN -1;
	END IF;
	DELETE FROM credhost.trail WHERE seq <= _up_to;
	RETURN 1;
END $$;

CREATE FUNCTION credhost.reseal_record(
	_version bigint, _workspace text, _id text, _was bytea, _sealed bytea, _was_intent bytea, _intent bytea
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_record bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	SELECT record INTO _record FROM credhost.records WHERE workspace = _workspace AND id = _id FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	IF NOT EXISTS (
		SELECT FROM credhost.sealed s LEFT JOIN credhost.intents n USING (record)
			WHERE record = _record AND s.data = _was AND n.data IS NOT DISTINCT FROM _was_intent
	) THEN
		RETURN -1;
	END IF;
	UPDATE credhost.sealed SET data = _sealed WHERE record = _record;
	IF _intent IS NOT NULL THEN
		UPDATE credhost.intents SET data = _intent WHERE record = _record;
	ELSE
		DELETE FROM credhost.intents WHERE record = _record;
	END IF;
	RETURN 1;
END $$;

-- Before a restore: it waits for whoever writes, and lets nobody write until it
-- is committed. It returns how much is there, or, if that may go, 0.
CREATE FUNCTION credhost.clear_all(_version bigint, _replace boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_there bigint;
BEGIN
	LOCK TABLE credhost.sequence, credhost.records, credhost.sealed, credhost.intents, credhost.deletions, credhost.trail IN EXCLUSIVE MODE;
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	SELECT (SELECT count(*) FROM credhost.records) + (SELECT count(*) FROM credhost.trail) INTO _there;
	IF _there > 0 AND NOT _replace THEN
		RETURN _there;
	END IF;
	DELETE FROM credhost.intents;
	DELETE FROM credhost.sealed;
	DELETE FROM credhost.records;
	DELETE FROM credhost.deletions;
	DELETE FROM credhost.trail;
	UPDATE credhost.sequence SET last = last + 1, forgotten = last + 1;
	RETURN 0;
END $$;
