// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"errors"
	"fmt"
	"strings"
)

// Why a record does not open. Test with errors.Is; none ever quotes a record,
// its associated data or a key.
var (
	// ErrAltered: the record was changed, or it was sealed for another place: the
	// associated data differs. Restore the record from a backup.
	ErrAltered = errors.New("the sealed record does not belong here or was altered: restore it from a backup")

	// ErrMalformed: the bytes are no sealed record, or not a whole one.
	ErrMalformed = errors.New("these bytes are not a whole sealed record: restore it from a backup")

	// ErrNewer: a later version of this package sealed the record or wrote the
	// key file.
	ErrNewer = errors.New("written by a newer credhost: upgrade this one")

	// ErrUnknownKey: the key that sealed the record is not at hand; the error is a
	// *KeyError, which says which key and what to do.
	ErrUnknownKey = errors.New("the key is not at hand")

	// ErrDisabledKey: the key that sealed the record was disabled; the error is a
	// *KeyError.
	ErrDisabledKey = errors.New("the key is disabled")
)

// Why keys cannot be had or changed. Test with errors.Is.
var (
	// ErrNoKeyFile: there is no key file and none may be made.
	ErrNoKeyFile = errors.New("the key file is missing")

	// ErrExposedKeyFile: others than its owner can read the key file.
	ErrExposedKeyFile = errors.New("others can read the key file")

	// ErrDamagedKeyFile: the file is no key file, or not as it was written.
	ErrDamagedKeyFile = errors.New("not a key file, or a damaged one")

	// ErrPrimaryKey: the primary key can be neither disabled nor removed.
	ErrPrimaryKey = errors.New("it is the primary key: rotate first")
)

// A KeyError says that a record needs a key that cannot be used. errors.Is
// finds ErrUnknownKey or ErrDisabledKey in it, and its Cause.
type KeyError struct {
	KeyID    string   // the key that is needed
	Held     []string // the IDs of the keys that can be used, the primary first
	Source   string   // where they come from: "key file /var/lib/credhost/credhost.key", say
	Disabled bool     // the key is there, but disabled
	Cause    error    // why the source could not be read again, or nil
}

// Error names the keys, never their material.
func (e *KeyError) Error() string {
	held := strings.Join(e.Held, ", ")
	if held == "" {
		held = "none"
	}
	text := fmt.Sprintf("key %s is needed, but the %s holds %s: put back the one that holds key %s from its backup",
		e.KeyID, e.Source, held, e.KeyID)
	if e.Disabled {
		text = fmt.Sprintf("key %s is needed, but it is disabled in the %s: enable it, or restore a record sealed since with %s",
			e.KeyID, e.Source, held)
	}
	if e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return text
}

// Unwrap lets errors.Is and errors.As see the sentinel and the cause.
func (e *KeyError) Unwrap() []error {
	sentinel := ErrUnknownKey
	if e.Disabled {
		sentinel = ErrDisabledKey
	}
	if e.Cause == nil {
		return []error{sentinel}
	}
	return []error{sentinel, e.Cause}
}
