// SPDX-License-Identifier: Apache-2.0

package host

import "context"

// A WholeStore is a [Store] that can be gone through whole: to copy it, to fill
// it from a copy, and to seal all that it holds anew. It is optional. Package
// backup and [Rewrap] need one.
type WholeStore interface {
	Store
	TrailStore

	// All returns records of every workspace and kind, with their Intents, in
	// the order of the bytes of their workspaces and then IDs: at most limit of
	// those after one such place, which need not be there.
	All(ctx context.Context, workspace, id string, limit int) ([]Record, error)

	// Reseal puts the Sealed and the Intent of now into the place of those of
	// was, if they are still the same; otherwise it reports ErrConflict, and
	// ErrNotFound if the record is gone. It is no change of the record: lease,
	// generation and all else stay, and Changes does not tell of it.
	Reseal(ctx context.Context, was, now Record) error

	// Snapshot calls record for every record, with its Intent and in the order
	// of All, and then entry for every entry of the trail, in order, all as of
	// one moment, while others go on. It ends with the first error of either.
	Snapshot(ctx context.Context, record func(Record) error, entry func(TrailEntry) error) error

	// Restore fills the store with what fill hands over: records, each as often
	// saved as it says, with its Intent and no lease, and then entries, which
	// follow on one another. It is one step: all of it happens, or nothing.
	//
	// What the store holds goes, if replace is set; if not, it reports
	// [ErrConflict] for a store that holds any record or entry. Whoever has
	// followed the changes of the store gets ErrBehind afterwards, and lease
	// epochs go on rising. Fill may be called more than once.
	Restore(ctx context.Context, replace bool, fill func(ctx context.Context, into Filling) error) error
}

// A Filling takes what a store is restored from. An error of its methods is to
// be returned by whoever fills; then nothing is restored.
type Filling interface {
	// Record takes a record. It reports [ErrConflict], at the latest at the end,
	// for one whose workspace and ID another has.
	Record(ctx context.Context, r Record) error

	// Entry takes an entry, whose number is one more than that of the entry
	// before it.
	Entry(ctx context.Context, e TrailEntry) error
}
