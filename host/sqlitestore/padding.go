// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import "fmt"

// SQLite overwrites what is deleted, if secure_delete is on, but not all
// copies of it: when it moves rows between the pages of a table, what a page
// held before may stay in its unused middle, and outlive the row by far.
//
// Overflow pages are not moved. A row that is too long for its table's page
// goes on in a list of them, and they are overwritten when the row is deleted
// or grows. So what is sealed is kept in overflow pages alone: zeros before it
// fill what of the row stays in the table's page, and the first overflow page
// up to where it begins.
//
// How much stays in the page is part of the file format, see "Cell Payload
// Overflow Pages" in https://www.sqlite.org/fileformat2.html. Small pages keep
// the zeros few.
const pageSize = 1024

// pad returns zeros and then sealed, as a row of the tables sealed and intents
// has it in a file whose pages have the given size.
func pad(sealed []byte, page int) []byte {
	inPage := (page-12)*32/255 - 23 // of a row that fills its overflow pages to the last byte
	overflow := page - 4
	for pages := max(1, (len(sealed)+overflow-1)/overflow); ; pages++ {
		row := inPage + pages*overflow
		if size, ok := blobSize(row); ok {
			data := make([]byte, size)
			copy(data[size-len(sealed):], sealed)
			return data
		}
	}
}

// unpad returns the last size bytes of what pad has made.
func unpad(data []byte, size int) ([]byte, error) {
	if size < 0 || size > len(data) {
		return nil, fmt.Errorf("%w: a record of %d bytes says that it has %d", errDamaged, len(data), size)
	}
	return data[len(data)-size:], nil
}

// blobSize returns how long the blob of a row of the given size is. Before it,
// the row says its header's size in one byte, that it holds no record number
// in another, and the blob's length in some. For a few sizes no blob fits.
func blobSize(row int) (size int, ok bool) {
	for header := 3; header < 12; header++ {
		size = row - header
		if 2+varint(2*size+12) == header {
			return size, true
		}
	}
	return 0, false
}

// varint returns how many bytes SQLite needs for a number.
func varint(n int) (bytes int) {
	for bytes = 1; n >= 1<<7; bytes++ {
		n >>= 7
	}
	return bytes
}
