// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/credhost/credhost/host/sealer"
)

var (
	plain = []byte(`{"clientSecret":"canary-7f3a91","clientId":"acme"}`)
	aad   = []byte("acme|0197a3b2|halopsa|3|17|https://acme.halopsa.com")
)

// refusals are all that Open may say of a record that is not right.
var refusals = []error{sealer.ErrAltered, sealer.ErrMalformed, sealer.ErrNewer, sealer.ErrUnknownKey}

func newKeyring(t testing.TB) *sealer.Keyring {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func mustSeal(t testing.TB, s *sealer.Sealer, plaintext, associated []byte) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), plaintext, associated)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// mustRefuse fails unless Open refuses for one of the reasons, and says nothing
// that must not be said.
func mustRefuse(t testing.TB, s *sealer.Sealer, sealed, associated []byte, reasons ...error) {
	t.Helper()
	got, err := s.Open(context.Background(), sealed, associated)
	if err == nil {
		t.Fatalf("opened")
	}
	if got != nil {
		t.Fatalf("%d bytes beside the error %v", len(got), err)
	}
	if !slices.ContainsFunc(reasons, func(r error) bool { return errors.Is(err, r) }) {
		t.Fatalf("refused with %q", err)
	}
	if bytes.Contains([]byte(err.Error()), []byte("canary")) || bytes.Contains([]byte(err.Error()), aad) {
		t.Fatalf("the error quotes the record: %q", err)
	}
}

func TestRoundTrip(t *testing.T) {
	s := sealer.New(newKeyring(t))
	for _, size := range []int{0, 1, 15, 16, 300, 1 << 16, 1 << 20} {
		for _, associated := range [][]byte{nil, {}, {0}, aad, bytes.Repeat(aad, 1000)} {
			plaintext := bytes.Repeat([]byte{0xa5}, size)
			before := slices.Clone(associated)
			sealed := mustSeal(t, s, plaintext, associated)
			got, err := s.Open(t.Context(), sealed, associated)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%d bytes beside %d: got %d bytes, %v", size, len(associated), len(got), err)
			}
			if !bytes.Equal(associated, before) || !bytes.Equal(plaintext, bytes.Repeat([]byte{0xa5}, size)) {
				t.Errorf("%d bytes beside %d: an argument was changed", size, len(associated))
			}
			if size >= 15 && bytes.Contains(sealed, plaintext[:15]) {
				t.Errorf("%d bytes beside %d: the plaintext shows", size, len(associated))
			}
		}
	}
}

func TestAnyBitFlippedIsRefused(t *testing.T) {
	s := sealer.New(newKeyring(t))
	sealed := mustSeal(t, s, plain, aad)
	for i := range sealed {
		for bit := range 8 {
			sealed[i] ^= 1 << bit
			mustRefuse(t, s, sealed, aad, refusals...)
			sealed[i] ^= 1 << bit
		}
	}
	for i := range aad {
		for bit := range 8 {
			other := slices.Clone(aad)
			other[i] ^= 1 << bit
			mustRefuse(t, s, sealed, other, sealer.ErrAltered)
		}
	}
	if _, err := s.Open(t.Context(), sealed, aad); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
}

func TestAnyOtherLengthIsRefused(t *testing.T) {
	s := sealer.New(newKeyring(t))
	sealed := mustSeal(t, s, plain, aad)
	for n := range sealed {
		mustRefuse(t, s, sealed[:n], aad, refusals...)
		mustRefuse(t, s, sealed[n+1:], aad, refusals...)
		// One byte less or more, wherever.
		mustRefuse(t, s, slices.Delete(slices.Clone(sealed), n, n+1), aad, refusals...)
		mustRefuse(t, s, slices.Insert(slices.Clone(sealed), n, sealed[n]^1), aad, refusals...)
	}
	mustRefuse(t, s, append(slices.Clone(sealed), 0), aad, sealer.ErrAltered)
	for n := range aad {
		mustRefuse(t, s, sealed, aad[:n], sealer.ErrAltered)
	}
	mustRefuse(t, s, sealed, append(slices.Clone(aad), 0), sealer.ErrAltered)
}

func TestARecordOpensOnlyInItsPlace(t *testing.T) {
	s := sealer.New(newKeyring(t))
	places := []string{
		"acme|1|halopsa|3|17|https://a", "other|1|halopsa|3|17|https://a", "acme|2|halopsa|3|17|https://a",
		"acme|1|faxplus|3|17|https://a", "acme|1|halopsa|4|17|https://a", "acme|1|halopsa|3|18|https://a",
		"acme|1|halopsa|3|17|https://b",
	}
	for i, from := range places {
		sealed := mustSeal(t, s, plain, []byte(from))
		for j, to := range places {
			if i == j {
				continue
			}
			mustRefuse(t, s, sealed, []byte(to), sealer.ErrAltered)
		}
	}
}

// Parts of two records, both good and under one key, make no third.
func TestSplicedRecordsAreRefused(t *testing.T) {
	s := sealer.New(newKeyring(t))
	// Both key IDs and both wrapped data keys are of one length.
	a, b := mustSeal(t, s, plain, aad), mustSeal(t, s, plain, aad)
	for n := 1; n < len(a); n++ {
		spliced := slices.Concat(a[:n], b[n:])
		if bytes.Equal(spliced, a) || bytes.Equal(spliced, b) {
			continue
		}
		mustRefuse(t, s, spliced, aad, sealer.ErrAltered)
	}
}

func TestANewerVersionIsSaidToBeNewer(t *testing.T) {
	s := sealer.New(newKeyring(t))
	for at, what := range map[int]string{4: "version", 5: "algorithm"} {
		sealed := mustSeal(t, s, plain, aad)
		sealed[at] = 2
		mustRefuse(t, s, sealed, aad, sealer.ErrNewer)
		sealed[at] = 0
		mustRefuse(t, s, sealed, aad, sealer.ErrMalformed)
		if _, err := sealer.KeyID(sealed); !errors.Is(err, sealer.ErrMalformed) {
			t.Errorf("KeyID with %s 0: %v", what, err)
		}
	}
}

func TestAnotherKeyringNamesTheKeyThatIsNeeded(t *testing.T) {
	ours, theirs := newKeyring(t), newKeyring(t)
	need, _ := ours.KeyID(t.Context())
	have, _ := theirs.KeyID(t.Context())
	sealed := mustSeal(t, sealer.New(ours), plain, aad)

	mustRefuse(t, sealer.New(theirs), sealed, aad, sealer.ErrUnknownKey)
	_, err := sealer.New(theirs).Open(t.Context(), sealed, aad)
	var key *sealer.KeyError
	if !errors.As(err, &key) || key.KeyID != need || !slices.Equal(key.Held, []string{have}) || key.Disabled {
		t.Errorf("error %v", err)
	}
	want := fmt.Sprintf("open a sealed record: key %s is needed, but the keyring in memory holds %s: "+
		"put back the one that holds key %s from its backup", need, have, need)
	if err.Error() != want {
		t.Errorf("said %q\nwant %q", err, want)
	}
}

// A key that has the right name and is another one: two random IDs of 32 bits
// may meet.
func TestAnotherKeyOfTheSameNameIsRefused(t *testing.T) {
	sealed := mustSeal(t, sealer.New(&renamed{newKeyring(t)}), plain, aad)
	mustRefuse(t, sealer.New(&renamed{newKeyring(t)}), sealed, aad, sealer.ErrAltered)
}

// renamed is a Keyring that calls its key "the-key".
type renamed struct{ *sealer.Keyring }

func (r *renamed) KeyID(context.Context) (string, error) { return "the-key", nil }

func (r *renamed) Wrap(ctx context.Context, _ string, dataKey, associated []byte) ([]byte, error) {
	id, _ := r.Keyring.KeyID(ctx)
	return r.Keyring.Wrap(ctx, id, dataKey, associated)
}

func (r *renamed) Unwrap(ctx context.Context, _ string, wrapped, associated []byte) ([]byte, error) {
	id, _ := r.Keyring.KeyID(ctx)
	return r.Keyring.Unwrap(ctx, id, wrapped, associated)
}

func TestDataKeysNoncesAndWrappingsNeverRepeat(t *testing.T) {
	kek := &witness{KEK: newKeyring(t)}
	s := sealer.New(kek)
	seen := make(map[string]string)
	once := func(what string, part []byte) {
		if before, ok := seen[string(part)]; ok {
			t.Fatalf("%s repeats what was %s", what, before)
		}
		seen[string(part)] = what
	}
	for range 20_000 {
		sealed := mustSeal(t, s, plain, aad)
		at := bytes.Index(sealed, kek.wrapped) + len(kek.wrapped)
		once("data key", kek.dataKeyCopy)
		once("nonce of a wrapping", kek.wrapped[5:29])
		once("nonce of a payload", sealed[at:at+12])
		once("payload", sealed[at+12:])
	}
}

// Records and key files of version 1 open for ever. testdata holds one of each;
// the key file was rotated after the record was sealed.
func TestWhatVersion1WroteOpens(t *testing.T) {
	key, err := os.ReadFile("testdata/v1.key")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile("testdata/v1.sealed")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "v1.key") // as private as a checkout is not
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	s := sealer.New(mustOpenFile(t, sealer.FileConfig{Path: path}))
	got, err := s.Open(t.Context(), sealed, []byte("workspace/credential/1"))
	if err != nil || string(got) != "the plaintext of the example" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, changed, err := s.Rewrap(t.Context(), sealed, []byte("workspace/credential/1")); err != nil || !changed {
		t.Errorf("Rewrap: %t, %v", changed, err)
	}
}
