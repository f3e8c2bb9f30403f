// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"bytes"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

// SQLite itself says how much of each row it keeps in the table's pages.
func TestPaddingKeepsWhatIsSealedInOverflowPages(t *testing.T) {
	for _, page := range []int{512, 1024, 4096} {
		t.Run(fmt.Sprint(page), func(t *testing.T) {
			t.Parallel()
			db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec(fmt.Sprintf(`PRAGMA page_size = %d; PRAGMA synchronous = OFF;
				CREATE TABLE sealed (record INTEGER PRIMARY KEY, data BLOB NOT NULL)`, page)); err != nil {
				t.Fatal(err)
			}
			step, most := max(1, page/64), 9*page
			rows := 0
			for n := 0; n <= most; n += step {
				sealed := bytes.Repeat([]byte{1}, n)
				data := pad(sealed, page)
				if zeros, end := data[:len(data)-n], data[len(data)-n:]; !bytes.Equal(end, sealed) || bytes.ContainsAny(zeros, "\x01") {
					t.Fatalf("%d bytes are not what they were", n)
				}
				if _, err := db.Exec("INSERT INTO sealed VALUES ($1, $2)", rows*1000, data); err != nil {
					t.Fatal(err)
				}
				rows++
			}
			inPage := (page-12)*32/255 - 23
			var cells, payload, overflowing int
			if err := db.QueryRow(`SELECT sum(ncell), sum(payload) FROM dbstat
				WHERE name = 'sealed' AND pagetype = 'leaf'`).Scan(&cells, &payload); err != nil {
				t.Fatal(err)
			}
			if err := db.QueryRow(`SELECT count(DISTINCT path) FROM dbstat
				WHERE name = 'sealed' AND pagetype = 'overflow' AND path LIKE '%+000000'`).Scan(&overflowing); err != nil {
				t.Fatal(err)
			}
			if cells != rows || payload != rows*inPage || overflowing != rows {
				t.Errorf("%d rows: %d in the table's pages, with %d bytes each; %d go on in overflow pages; want %d bytes",
					rows, cells, payload/cells, overflowing, inPage)
			}
		})
	}
}
