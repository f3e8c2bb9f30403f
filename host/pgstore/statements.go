// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"strings"

	"github.com/credhost/credhost/internal/sqlrow"
)

// The statements are of the schema "credhost", until inSchema puts them into
// another. What writes is a function: see migrations/1.sql.
type statements struct {
	get, list, due, position, changes, check     string
	clock                                        string
	create, save, remove                         string
	lease, extend, note, unlease                 string
	trail, appendTrail, trimTrail                string
	all, reseal, snapRecords, snapTrail          string
	clearAll, fillRecord, fillEntry              string
	there, version, makeSchema, lock, setVersion string
}

const columns = `r.workspace, r.id, r.kind, r.type, r.name, r.generation, r.created, r.updated, r.due`

var inCredhost = statements{
	get: `SELECT ` + columns + `, s.data, n.data
		FROM credhost.records r JOIN credhost.sealed s USING (record) LEFT JOIN credhost.intents n USING (record)
		WHERE r.workspace = $1 AND r.id = $2`,

	list: `SELECT ` + columns + `, s.data, NULL::bytea
		FROM credhost.records r JOIN credhost.sealed s USING (record)
		WHERE r.workspace = $1 AND r.kind = $2 AND r.id > $3 AND ($4 = '' OR r.type = $4) AND r.updated < $5
		ORDER BY r.id LIMIT $6`,

	due: `SELECT ` + columns + `, NULL::bytea, NULL::bytea
		FROM credhost.records r
		WHERE r.due <= $1
		ORDER BY r.due, r.workspace, r.id LIMIT $2`,

	position: `SELECT last, forgotten FROM credhost.sequence WHERE $1::bigint IS NOT NULL`,

	// A record has the number of its newest change, so changes need no table
	// that grows: only deletions do. One statement sees one moment.
	changes: `SELECT (SELECT last FROM credhost.sequence), (SELECT forgotten FROM credhost.sequence), c.*
		FROM (
			(SELECT seq, workspace, id, generation FROM credhost.records WHERE seq > $1 ORDER BY seq LIMIT $2)
			UNION ALL
			(SELECT seq, workspace, id, 0 FROM credhost.deletions WHERE seq > $1 ORDER BY seq LIMIT $2)
		) c
		ORDER BY c.seq LIMIT $2`,

	create:  `SELECT credhost.create_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
	save:    `SELECT credhost.save_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
	remove:  `SELECT credhost.delete_record($1, $2, $3, $4, $5, $6, $7, $8)`,
	lease:   `SELECT credhost.take_lease($1, $2, $3, $4, $5)`,
	extend:  `SELECT credhost.extend_lease($1, $2, $3, $4, $5, $6)`,
	note:    `SELECT credhost.note_intent($1, $2, $3, $4, $5, $6)`,
	unlease: `SELECT credhost.end_lease($1, $2, $3, $4, $5)`,

	trail:       `credhost.trail`, // the table
	appendTrail: `SELECT credhost.append_trail($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
	trimTrail:   `SELECT credhost.trim_trail($1, $2)`,

	all: `SELECT ` + columns + `, s.data, n.data
		FROM credhost.records r JOIN credhost.sealed s USING (record) LEFT JOIN credhost.intents n USING (record)
		WHERE (r.workspace, r.id) > ($1, $2)
		ORDER BY r.workspace, r.id LIMIT $3`,
	reseal: `SELECT credhost.reseal_record($1, $2, $3, $4, $5, $6, $7)`,
	snapRecords: `SELECT ` + columns + `, s.data, n.data
		FROM credhost.records r JOIN credhost.sealed s USING (record) LEFT JOIN credhost.intents n USING (record)
		ORDER BY r.workspace, r.id`,
	snapTrail: `SELECT ` + sqlrow.EntryColumns + ` FROM credhost.trail ORDER BY seq`,
	clearAll:  `SELECT credhost.clear_all($1, $2)`,
	fillRecord: `WITH r AS (
			INSERT INTO credhost.records (workspace, id, kind, type, name, generation, created, updated, due, seq)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, credhost.next_change())
				RETURNING record
		), s AS (
			INSERT INTO credhost.sealed (record, data) SELECT record, $10::bytea FROM r
		)
		INSERT INTO credhost.intents (record, data) SELECT record, $11::bytea FROM r WHERE $11::bytea IS NOT NULL`,
	fillEntry: `INSERT INTO credhost.trail (` + sqlrow.EntryColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,

	check: `SELECT current_setting('server_version'), pg_backend_pid(),
			(SELECT count(*) FROM credhost.records),
			(SELECT count(*) FROM credhost.sealed JOIN credhost.records USING (record))
		WHERE $1 <> ''`,

	// The clock is asked first: what is counted takes a moment.
	clock: `WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at)
		SELECT (SELECT at FROM now), count(*)::int, coalesce(array_agg(DISTINCT coalesce(host(client_addr), 'a socket')), '{}')
		FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')`,

	// The schema's parts are looked for by their names, which needs no rights.
	there: `SELECT count(*) > 0, count(c.oid) > 0, current_setting('server_encoding')
		FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'sequence'
		WHERE n.nspname = $1`,
	version:    `SELECT version FROM credhost.sequence WHERE $1 <> ''`,
	makeSchema: `CREATE SCHEMA credhost.`,
	lock:       `LOCK TABLE credhost.sequence IN ACCESS EXCLUSIVE MODE`,
	setVersion: `UPDATE credhost.sequence SET version = $1`,
}

// inSchema returns the statements for a schema.
func inSchema(name string) statements {
	s := inCredhost
	for _, text := range []*string{
		&s.get, &s.list, &s.due, &s.position, &s.changes, &s.check, &s.create, &s.save, &s.remove, &s.lease, &s.extend, &s.note, &s.unlease,
		&s.trail, &s.appendTrail, &s.trimTrail, &s.all, &s.reseal, &s.snapRecords, &s.snapTrail, &s.clearAll, &s.fillRecord, &s.fillEntry,
		&s.there, &s.version, &s.lock, &s.setVersion,
	} {
		*text = rename(*text, name)
	}
	s.makeSchema = `CREATE SCHEMA ` + name
	return s
}

func rename(sql, schema string) string { return strings.ReplaceAll(sql, "credhost.", schema+".") }
