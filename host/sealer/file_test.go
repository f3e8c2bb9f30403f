// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/sealer"
)

// heard collects what is announced.
type heard []string

func (h *heard) announce(sentence string) { *h = append(*h, sentence) }

func quiet(string) {}

func mustOpenFile(t testing.TB, cfg sealer.FileConfig) *sealer.Keyring {
	t.Helper()
	if cfg.Announce == nil {
		cfg.Announce = quiet
	}
	ring, err := sealer.OpenFile(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// made is the path of a new key file.
func made(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credhost.key")
	mustOpenFile(t, sealer.FileConfig{Path: path, Create: true})
	return path
}

func TestAKeyFileIsMadeOnceAndLoudly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credhost.key")
	var said heard
	first := mustOpenFile(t, sealer.FileConfig{Path: path, Create: true, Announce: said.announce})
	want := heard{"A new key file was made: " + path + ". Back it up now, apart from the store: " +
		"without it nobody can open the credentials ever again, and whoever has it and the store can open them all."}
	if diff := cmp.Diff(want, said[:1]); diff != "" {
		t.Error(diff)
	}
	sealed := mustSeal(t, sealer.New(first), plain, aad)

	said = nil
	second := mustOpenFile(t, sealer.FileConfig{Path: path, Create: true, Announce: said.announce})
	if got, err := sealer.New(second).Open(t.Context(), sealed, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened again: %v", err)
	}
	if strings.Contains(strings.Join(said, ""), "new key file") {
		t.Errorf("announced again: %q", said)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "credhost.key" || entries[1].Name() != "credhost.key.lock" {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

func TestAMissingKeyFileIsNotReplacedUnasked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credhost.key")
	ring, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: path, Announce: quiet})
	if ring != nil || !errors.Is(err, sealer.ErrNoKeyFile) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, %v", ring, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestTheVariableNamesTheFile(t *testing.T) {
	path, other := made(t), made(t)
	cfg := sealer.FileConfig{Path: other, Env: "CREDHOST_SEALER_TEST_KEY"}
	t.Setenv(cfg.Env, path)
	got, _ := mustOpenFile(t, cfg).KeyID(t.Context())
	want, _ := mustOpenFile(t, sealer.FileConfig{Path: path}).KeyID(t.Context())
	if got != want {
		t.Errorf("key %s, want %s, of the file that the variable names", got, want)
	}
	t.Setenv(cfg.Env, "")
	got, _ = mustOpenFile(t, cfg).KeyID(t.Context())
	want, _ = mustOpenFile(t, sealer.FileConfig{Path: other}).KeyID(t.Context())
	if got != want {
		t.Errorf("key %s, want %s, of Path", got, want)
	}
	for says, cfg := range map[string]sealer.FileConfig{
		cfg.Env: {Env: cfg.Env, Create: true}, "FileConfig.Path": {Create: true},
	} {
		if _, err := sealer.OpenFile(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "set "+says) {
			t.Errorf("without a path: %v, want it to say %s", err, says)
		}
	}
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	_, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: filepath.Join(dir, "key"), Create: true})
	if err == nil || !strings.Contains(err.Error(), "make "+dir) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoKeyFileIsRefusedUnquoted(t *testing.T) {
	path := made(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	for name, content := range map[string]string{
		"empty":            "",
		"another secret":   "AKIA-canary-7f3a91\n",
		"a PEM file":       "-----BEGIN PRIVATE KEY-----\ncanary\n",
		"only the line":    string(first) + "\n",
		"another keyset":   string(first) + "\n{\"primaryKeyId\":1,\"key\":[]}\n",
		"no sum":           "credhost key file v1\n{}",
		"version zero":     strings.Replace(string(data), " v1 ", " v0 ", 1),
		"version canary":   strings.Replace(string(data), " v1 ", " vcanary ", 1),
		"two keysets":      string(data) + string(data),
		"too big":          string(data) + strings.Repeat("\n", 1<<20),
		"nothing but junk": strings.Repeat("canary", 1000),
	} {
		refused := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(refused, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: refused, Create: true, Announce: quiet})
		if !errors.Is(err, sealer.ErrDamagedKeyFile) || strings.Contains(err.Error(), "canary") ||
			!strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(refused); string(now) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	newer := strings.Replace(string(data), " v1 ", " v2 ", 1)
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: path}); !errors.Is(err, sealer.ErrNewer) {
		t.Errorf("a newer file: %v", err)
	}
}

// A key file that lost or changed anything is refused, or it is the same still.
func TestADamagedKeyFileNeverOpensAsAnother(t *testing.T) {
	path := made(t)
	s := sealer.New(mustOpenFile(t, sealer.FileConfig{Path: path}))
	sealed := mustSeal(t, s, plain, aad)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	refused, least := 0, len(data)-1+len(lines[len(lines)-2])-1 // cut anywhere; any byte of the keyset changed
	try := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		ring, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: path, Announce: quiet})
		if err != nil {
			refused++
			return
		}
		if got, err := sealer.New(ring).Open(t.Context(), sealed, aad); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("it opened as another: %v", err)
		}
	}
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 1
		try(changed)
		try(data[:i])
	}
	if refused < least {
		t.Errorf("%d of %d changes were refused, want %d", refused, 2*len(data), least)
	}
	try(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
}

func TestOneKeyringFollowsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, path := t.Context(), made(t)
		ours, theirs := mustOpenFile(t, sealer.FileConfig{Path: path}), mustOpenFile(t, sealer.FileConfig{Path: path})
		s := sealer.New(theirs)
		first, _ := s.KeyID(ctx)
		old := mustSeal(t, s, plain, aad)

		second, err := ours.Rotate(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// A key that is new is looked for at once,
		fresh := mustSeal(t, sealer.New(ours), plain, aad)
		if _, err := s.Open(ctx, fresh, aad); err != nil {
			t.Errorf("a record under the new key: %v", err)
		}
		// and everything else is known 100 ms later.
		if err := ours.Disable(ctx, first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		mustRefuse(t, s, old, aad, sealer.ErrDisabledKey)
		if id, _ := s.KeyID(ctx); id != second {
			t.Errorf("seals with %s, want %s", id, second)
		}
	})
}

// A host whose key file goes away opens what it has and seals nothing.
func TestAKeyFileThatGoesAway(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"removed": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte("canary"), 0o600) },
	} {
		want := map[string]error{"removed": sealer.ErrNoKeyFile, "damaged": sealer.ErrDamagedKeyFile}[name]
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, path := t.Context(), made(t)
				ring := mustOpenFile(t, sealer.FileConfig{Path: path})
				s := sealer.New(ring)
				sealed := mustSeal(t, s, plain, aad)
				data, _ := os.ReadFile(path)
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
				if got, err := s.Open(ctx, sealed, aad); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("Open: %v", err)
				}
				if out, err := s.Seal(ctx, plain, aad); out != nil || !errors.Is(err, want) {
					t.Errorf("Seal: %d bytes, %v", len(out), err)
				}
				if _, err := ring.Rotate(ctx); !errors.Is(err, want) {
					t.Errorf("Rotate: %v", err)
				}
				mustRefuse(t, s, mustSeal(t, sealer.New(newKeyring(t)), plain, aad), aad, want)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Seal(ctx, plain, aad); err != nil {
					t.Errorf("Seal with the file put back: %v", err)
				}
			})
		})
	}
}

func TestRotationIsAnnouncedAndLasts(t *testing.T) {
	ctx, path := t.Context(), made(t)
	var said heard
	ring := mustOpenFile(t, sealer.FileConfig{Path: path, Announce: said.announce})
	said = nil
	old := mustSeal(t, sealer.New(ring), plain, aad)
	id, err := ring.Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := heard{"Key " + id + " was added to the key file: " + path +
		". Back the file up again now: a backup made earlier does not open what this key seals."}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	again := mustOpenFile(t, sealer.FileConfig{Path: path})
	if got, _ := again.KeyID(ctx); got != id {
		t.Errorf("the file seals with %s, want %s", got, id)
	}
	if _, err := sealer.New(again).Open(ctx, old, aad); err != nil {
		t.Errorf("an old record: %v", err)
	}
}

func TestAnnounceMayUseTheKeyring(t *testing.T) {
	var ring *sealer.Keyring
	var ids []string
	ring = mustOpenFile(t, sealer.FileConfig{Path: made(t), Announce: func(string) {
		if ring == nil {
			return
		}
		id, _ := ring.KeyID(context.Background())
		ids = append(ids, id)
	}})
	id, err := ring.Rotate(t.Context())
	if err != nil || !cmp.Equal(ids, []string{id}) {
		t.Errorf("announced while the primary was %v, want %s, %v", ids, id, err)
	}
}

// A file that looks as it did, to stat, may still be another: nothing in it may
// be lost to a change.
func TestAChangeTrustsNoLooks(t *testing.T) {
	ctx, path := t.Context(), made(t)
	ring := mustOpenFile(t, sealer.FileConfig{Path: path})
	first, _ := ring.KeyID(ctx)
	second, err := ring.Add(ctx)
	for err == nil && len(second) != len(first) { // so that both files have one length
		second, err = ring.Add(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := ring.Promote(ctx, second); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(path)

	at := time.Unix(1_700_000_000, 0)
	write := func(data []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if after = bytes.TrimSpace(after); len(after) < len(before) { // the JSON may differ by white space
		after = append(after, bytes.Repeat([]byte("\n"), len(before)-len(after))...)
	}
	write(before)
	ring = mustOpenFile(t, sealer.FileConfig{Path: path})
	write(after)
	if _, err := ring.Add(ctx); err != nil {
		t.Fatal(err)
	}
	if id, _ := ring.KeyID(ctx); id != second {
		t.Errorf("primary key %s, want %s, which was promoted meanwhile", id, second)
	}
}
