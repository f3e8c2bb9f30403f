-- Times are nanoseconds since 1970, but for a lease's end and a deletion's
-- time: those are in the database's own clock. Text is compared by its bytes.
-- "credhost." stands for the schema; it is replaced by the configured one.
--
-- Vacuum runs often: what is deleted or replaced stays in a table until then.

CREATE TABLE credhost.records (
	record      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	workspace   text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	kind        text COLLATE "C" NOT NULL,
	type        text COLLATE "C" NOT NULL,
	name        text COLLATE "C" NOT NULL,
	generation  bigint NOT NULL,
	created     bigint NOT NULL,
	updated     bigint NOT NULL,
	due         bigint, -- NULL: never
	seq         bigint NOT NULL UNIQUE, -- of the newest change
	lease_owner text   NOT NULL DEFAULT '',
	lease_epoch bigint NOT NULL DEFAULT 0,
	lease_until timestamptz NOT NULL DEFAULT '-infinity',
	UNIQUE (workspace, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX records_by_kind ON credhost.records (workspace, kind, id);

CREATE INDEX records_by_due ON credhost.records (due, workspace, id) WHERE due IS NOT NULL;

-- What is sealed is apart, so that a lease does not leave a copy of it behind.
CREATE TABLE credhost.sealed (
	record bigint PRIMARY KEY,
	data   bytea  NOT NULL
) WITH (
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100,
	toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 100
);

CREATE TABLE credhost.intents (
	record bigint PRIMARY KEY,
	data   bytea  NOT NULL
) WITH (
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100,
	toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 100
);

-- Ciphertext cannot be compressed.
ALTER TABLE credhost.sealed ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE credhost.intents ALTER COLUMN data SET STORAGE EXTERNAL;

-- Deletions are kept for a while, so that every host learns of them.
CREATE TABLE credhost.deletions (
	seq       bigint PRIMARY KEY,
	workspace text NOT NULL,
	id        text NOT NULL,
	deleted   timestamptz NOT NULL
);

-- One row. It is locked from the moment a change takes its number until the
-- change is committed: a PostgreSQL sequence would give numbers that appear in
-- another order, and who has read the higher one would miss the lower.
--
-- It begins at 1, not 0: who follows an empty store must have a number to
-- follow from.
CREATE TABLE credhost.sequence (
	last      bigint NOT NULL,
	forgotten bigint NOT NULL, -- the newest deletion that is not kept any more
	version   bigint NOT NULL  -- of this schema
);

INSERT INTO credhost.sequence (last, forgotten, version) VALUES (1, 0, 1);

-- Epochs need only rise over the leases of one record, even if it is deleted
-- and made again; a lease is taken with its row locked.
CREATE SEQUENCE credhost.epochs AS bigint;

-- Each method that writes is one call of a function, and so one statement: no
-- lock waits for a client. A function returns what it made, or
--
--    0  if there is no such record,
--   -1  if the record has changed, or another has the lease,
--   -2  if the caller was made for another version of this schema.

CREATE FUNCTION credhost.knows(_version bigint) RETURNS boolean
LANGUAGE sql AS $$
	SELECT EXISTS (SELECT FROM credhost.sequence WHERE version = _version)
$$;

CREATE FUNCTION credhost.missing(_workspace text, _id text) RETURNS bigint
LANGUAGE sql AS $$
	SELECT CASE WHEN EXISTS (SELECT FROM credhost.records WHERE workspace = _workspace AND id = _id) THEN -1 ELSE 0 END
$$;

CREATE FUNCTION credhost.next_change() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_seq bigint;
BEGIN
	UPDATE credhost.sequence SET last = last + 1 RETURNING last INTO STRICT _seq;
	PERFORM pg_notify('credhost.changes', '');
	RETURN _seq;
END $$;

CREATE FUNCTION credhost.create_record(
	_version bigint, _workspace text, _id text, _kind text, _type text, _name text, _generation bigint,
	_created bigint, _updated bigint, _due bigint, _sealed bytea
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_record bigint;
	_seq bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	IF credhost.missing(_workspace, _id) <> 0 THEN
		RETURN -1;
	END IF;
	_seq := credhost.next_change();
	INSERT INTO credhost.records (workspace, id, kind, type, name, generation, created, updated, due, seq)
		VALUES (_workspace, _id, _kind, _type, _name, _generation, _created, _updated, _due, _seq)
		ON CONFLICT (workspace, id) DO NOTHING
		RETURNING record INTO _record;
	IF NOT FOUND THEN -- another was faster
		RETURN -1;
	END IF;
	INSERT INTO credhost.sealed (record, data) VALUES (_record, _sealed);
	RETURN _seq;
END $$;

CREATE FUNCTION credhost.save_record(
	_version bigint, _workspace text, _id text, _kind text, _type text, _name text, _generation bigint,
	_created bigint, _updated bigint, _due bigint, _sealed bytea,
	_leased boolean, _owner text, _epoch bigint
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_r credhost.records;
	_seq bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	SELECT * INTO _r FROM credhost.records WHERE workspace = _workspace AND id = _id FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	IF _r.generation + 1 <> _generation THEN
		RETURN -1;
	END IF;
	IF _leased AND NOT (_r.lease_owner = _owner AND _r.lease_epoch = _epoch AND _r.lease_until > clock_timestamp()) THEN
		RETURN -1;
	END IF;
	_seq := credhost.next_change();
	UPDATE credhost.records
		SET kind = _kind, type = _type, name = _name, generation = _generation, created = _created, updated = _updated,
			due = _due, seq = _seq, lease_until = CASE WHEN _leased THEN '-infinity' ELSE lease_until END
		WHERE record = _r.record;
	UPDATE credhost.sealed SET data = _sealed WHERE record = _r.record;
	IF _leased THEN
		DELETE FROM credhost.intents WHERE record = _r.record;
	END IF;
	RETURN _seq;
END $$;

-- Each deletion forgets a few old ones, more than it adds; it looks at no more
-- than those, however many there are.
CREATE FUNCTION credhost.delete_record(_version bigint, _workspace text, _id text, _remember bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_record bigint;
	_seq bigint;
	_forgotten bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	DELETE FROM credhost.records WHERE workspace = _workspace AND id = _id RETURNING record INTO _record;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	DELETE FROM credhost.sealed WHERE record = _record;
	DELETE FROM credhost.intents WHERE record = _record;
	_seq := credhost.next_change();
	INSERT INTO credhost.deletions (seq, workspace, id, deleted) VALUES (_seq, _workspace, _id, clock_timestamp());
	WITH old AS (
		DELETE FROM credhost.deletions
			WHERE seq IN (SELECT seq FROM credhost.deletions ORDER BY seq LIMIT 10)
				AND deleted < clock_timestamp() - _remember * interval '1 microsecond'
			RETURNING seq
	)
	SELECT max(seq) INTO _forgotten FROM old;
	IF _forgotten IS NOT NULL THEN
		UPDATE credhost.sequence SET forgotten = greatest(forgotten, _forgotten);
	END IF;
	RETURN _seq;
END $$;

CREATE FUNCTION credhost.take_lease(_version bigint, _workspace text, _id text, _owner text, _ttl bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_epoch bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	UPDATE credhost.records
		SET lease_owner = _owner, lease_epoch = nextval('credhost.epochs'),
			lease_until = clock_timestamp() + _ttl * interval '1 microsecond'
		WHERE workspace = _workspace AND id = _id AND lease_until <= clock_timestamp()
		RETURNING lease_epoch INTO _epoch;
	IF NOT FOUND THEN
		RETURN credhost.missing(_workspace, _id);
	END IF;
	RETURN _epoch;
END $$;

CREATE FUNCTION credhost.extend_lease(
	_version bigint, _workspace text, _id text, _owner text, _epoch bigint, _ttl bigint
) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	UPDATE credhost.records
		SET lease_until = clock_timestamp() + _ttl * interval '1 microsecond'
		WHERE workspace = _workspace AND id = _id AND lease_owner = _owner AND lease_epoch = _epoch
			AND lease_until > clock_timestamp();
	IF NOT FOUND THEN
		RETURN credhost.missing(_workspace, _id);
	END IF;
	RETURN 1;
END $$;

CREATE FUNCTION credhost.note_intent(
	_version bigint, _workspace text, _id text, _owner text, _epoch bigint, _intent bytea
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_record bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	SELECT record INTO _record FROM credhost.records
		WHERE workspace = _workspace AND id = _id AND lease_owner = _owner AND lease_epoch = _epoch
			AND lease_until > clock_timestamp()
		FOR UPDATE;
	IF NOT FOUND THEN
		RETURN credhost.missing(_workspace, _id);
	END IF;
	IF _intent IS NULL THEN
		DELETE FROM credhost.intents WHERE record = _record;
	ELSE
		INSERT INTO credhost.intents (record, data) VALUES (_record, _intent)
			ON CONFLICT (record) DO UPDATE SET data = excluded.data;
	END IF;
	RETURN 1;
END $$;

CREATE FUNCTION credhost.end_lease(_version bigint, _workspace text, _id text, _owner text, _epoch bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	UPDATE credhost.records
		SET lease_until = '-infinity'
		WHERE workspace = _workspace AND id = _id AND lease_owner = _owner AND lease_epoch = _epoch
			AND lease_until > '-infinity';
	RETURN 1;
END $$;
