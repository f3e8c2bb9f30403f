-- A record can be deleted for a certain generation, and by who has its lease.

DROP FUNCTION credhost.delete_record(bigint, text, text, bigint);

-- With the _generation 0, whatever the record's is. Each deletion forgets a few
-- old ones, more than it adds; it looks at no more than those, however many there
-- are.
CREATE FUNCTION credhost.delete_record(
	_version bigint, _workspace text, _id text, _generation bigint, _leased boolean, _owner text, _epoch bigint, _remember bigint
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	_record bigint;
	_seq bigint;
	_forgotten bigint;
BEGIN
	IF NOT credhost.knows(_version) THEN
		RETURN -2;
	END IF;
	DELETE FROM credhost.records
		WHERE workspace = _workspace AND id = _id AND (_generation = 0 OR generation = _generation)
			AND (NOT _leased OR lease_owner = _owner AND lease_epoch = _epoch AND lease_until > clock_timestamp())
		RETURNING record INTO _record;
	IF NOT FOUND THEN
		RETURN credhost.missing(_workspace, _id);
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
