// SPDX-License-Identifier: Apache-2.0

package host

// NoteBinding is the associated data of what is noted beside a record.
func NoteBinding(r Record) []byte { return r.noteBinding() }
