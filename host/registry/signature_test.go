// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"golang.org/x/sys/unix"
)

// An author signs plugins.
type author struct {
	key     Key
	private minisign.PrivateKey
}

func newAuthor(t testing.TB) author {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(public.String())
	if err != nil {
		t.Fatal(err)
	}
	return author{key, private}
}

// sign returns the signature of a message with a trusted comment.
func (a author) sign(message []byte, comment string) []byte {
	r := minisign.NewReader(bytes.NewReader(message))
	io.Copy(io.Discard, r)
	return r.SignWithComments(a.private, comment, "untrusted")
}

// signs writes the signature of an installed program beside it.
func (b *bench) signs(a author, path, comment string) {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(path+signatureSuffix, a.sign(data, comment))
}

func read1(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What minisign itself makes is read: see testdata/minisign.
func TestStockSignatures(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "minisign")
	key, err := ParseKey(string(read1(t, filepath.Join(dir, "stock.pub"))))
	if err != nil {
		t.Fatal(err)
	}
	line, err := ParseKey(key.String())
	if err != nil || line != key || !bytes.Contains(read1(t, filepath.Join(dir, "stock.pub")), []byte(key.ID())) {
		t.Errorf("the key %s has the ID %s, %v", key, key.ID(), err)
	}
	program := read1(t, filepath.Join(dir, "program"))
	for file, want := range map[string]int64{"hashed.minisig": 1795000000, "default.minisig": 0} {
		comment, err := key.check(read1(t, filepath.Join(dir, file)), bytes.NewReader(program))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		signed, err := readComment(t.Context(), comment, "acme")
		if err != nil || signed < 1795000000 || want != 0 && signed != want {
			t.Errorf("%s: signed at %d, %v", file, signed, err)
		}
	}
	_, err = key.check(read1(t, filepath.Join(dir, "old.minisig")), bytes.NewReader(program))
	wantError(t, err, "old format", "sign again")
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	line := newAuthor(t).key.String()
	for _, text := range []string{line, line + "\n", " " + line + "\r\n", "untrusted comment: minisign public key\n" + line + "\n"} {
		if k, err := ParseKey(text); err != nil || k.String() != line {
			t.Errorf("%q: %v, %v", text, k, err)
		}
	}
	for _, text := range []string{"", "RW", line[:len(line)-4], line + line, line[:20] + "\n" + line[20:], "comment\n" + line, "untrusted comment: x\n\n" + line, strings.Replace(line, "RW", "RU", 1), "=" + line[1:]} {
		if _, err := ParseKey(text); err == nil || !strings.Contains(err.Error(), "minisign.pub") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if (Key{}).ID()+(Key{}).String() != "" {
		t.Error("the zero key is one")
	}
	if _, err := (Key{}).check(nil, nil); err == nil {
		t.Error("the zero key has signed something")
	}
}

// What is wrong with a signature is refused before the program is started, and
// the refusal says what to do.
func TestSignatureRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.install("alpha", conf{Version: "1"})
	program := read1(t, path)
	a, other := newAuthor(t), newAuthor(t)
	const good = "plugin:alpha timestamp:1000"
	signed := a.sign(program, good)
	lines := strings.SplitAfter(string(signed), "\n")
	swapped := strings.SplitAfter(string(a.sign([]byte("another"), "plugin:alpha timestamp:2000")), "\n")
	legacy := minisign.SignWithComments(a.private, program, good, "untrusted")
	r := b.open()
	at := path + signatureSuffix
	for name, c := range map[string]struct {
		text []byte
		want []string
	}{
		"missing":               {nil, []string{"is not signed", "minisign -Sm"}},
		"empty":                 {[]byte{}, []string{"cut off", "fetch it again"}},
		"cut off":               {signed[:len(signed)-20], []string{"cut off"}},
		"without its comment":   {[]byte(lines[0] + lines[1]), []string{"cut off"}},
		"huge":                  {bytes.Repeat([]byte("x"), maxSignature+1), []string{"larger than 8 KiB"}},
		"of another program":    {a.sign([]byte("another"), good), []string{"is not the signature of these bytes", "both of one version"}},
		"of another's key":      {other.sign(program, good), []string{"by the key " + other.key.ID(), "not by " + a.key.ID(), "--key"}},
		"of a key of the ID":    {posing(t, other.sign(program, good), a.key), []string{"is not the signature of these bytes"}},
		"a changed comment":     {[]byte(strings.Replace(string(signed), "1000", "9000", 1)), []string{"trusted comment was changed"}},
		"another one's comment": {[]byte(lines[0] + lines[1] + swapped[2] + swapped[3]), []string{"trusted comment was changed"}},
		"the old format":        {legacy, []string{"old format", "sign again"}},
		"another plugin's":      {a.sign(program, "plugin:beta timestamp:1000"), []string{"of the plugin beta, not of alpha"}},
		"another file's":        {a.sign(program, "timestamp:1000\tfile:credhost-plugin-beta\thashed"), []string{"of the plugin beta, not of alpha"}},
		"no plugin's":           {a.sign(program, "timestamp:1000"), []string{"does not say which plugin", `-t "plugin:alpha`}},
		"of no time":            {a.sign(program, "plugin:alpha"), []string{"does not say when", "timestamp"}},
		"of a bad time":         {a.sign(program, "plugin:alpha timestamp:+1"), []string{"does not say when"}},
		"of two times":          {a.sign(program, "plugin:alpha timestamp:1 timestamp:2"), []string{"timestamp twice"}},
		"of two plugins":        {a.sign(program, "plugin:beta plugin:alpha timestamp:1"), []string{"plugin twice"}},
	} {
		os.Remove(at)
		if c.text != nil {
			b.write(at, c.text)
		}
		started := r.run.next.Load()
		_, err := r.InspectSigned(t.Context(), "alpha", a.key)
		if err == nil {
			t.Errorf("%s: it is taken", name)
			continue
		}
		wantWords(t, name+": "+err.Error(), append(c.want, "plugin alpha", at)...)
		if r.run.next.Load() != started {
			t.Errorf("%s: the program was started", name)
		}
	}
	os.Remove(at)
	if err := unix.Mkfifo(at, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.InspectSigned(t.Context(), "alpha", a.key)
	wantError(t, err, "is not a regular file")
	b.write(at, signed)
	o, err := r.InspectSigned(t.Context(), "alpha", a.key)
	if err != nil || o.Key != a.key.String() || o.KeyID != a.key.ID() || o.Signed.Unix() != 1000 {
		t.Errorf("a good signature: %+v, %v", o, err)
	}
}

// posing returns a signature that says that another key made it.
func posing(t *testing.T, signature []byte, as Key) []byte {
	t.Helper()
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		t.Fatal(err)
	}
	s.KeyID = as.id
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A bundle is signed as the list of its contents.
func TestSumsAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := found{name: "alpha", path: dir, bundle: true}
	i := &image{parts: map[string]digest{"plugin.json": digestOf([]byte("m")), "lib/a": digestOf([]byte("a"))}}
	m, a := digestOf([]byte("m")).hex(), digestOf([]byte("a")).hex()
	for name, c := range map[string]struct{ list, want string }{
		"as sha256sum prints it":    {m + "  plugin.json\n" + a + "  lib/a\n", ""},
		"as find finds it":          {a + "  ./lib/a\n" + m + "  ./plugin.json\n", ""},
		"of binary files":           {a + " *lib/a\r\n" + m + " *plugin.json\r\n", ""},
		"with others":               {a + "  lib/a\n" + m + "  plugin.json\n" + m + "  README\n", ""},
		"without the manifest":      {a + "  lib/a\n", "does not list plugin.json"},
		"without a file":            {m + "  plugin.json\n", "does not list lib/a"},
		"of another file":           {m + "  plugin.json\n" + m + "  lib/a\n", "lib/a is not what SHA256SUMS lists"},
		"twice":                     {m + "  plugin.json\n" + a + "  lib/a\n" + m + "  ./lib/a\n", "lists lib/a twice"},
		"of something else":         {"hello\n", "none of sha256sum's"},
		"with an escaped file name": {"\\" + m + "  plugin.json\n", "none of sha256sum's"},
		"in capitals":               {strings.ToUpper(m) + "  plugin.json\n", "none of sha256sum's"},
		"of a huge line":            {strings.Repeat("x", 1<<20), "too long"},
	} {
		if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(c.list), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := signedBytes(f, i)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		var got bytes.Buffer
		if err == nil {
			_, err = got.ReadFrom(r)
		}
		if err != nil || got.String() != c.list {
			t.Errorf("%s: %q, %v", name, got.String(), err)
		}
	}
	os.Remove(filepath.Join(dir, sumsFile))
	if _, err := signedBytes(f, i); err == nil || !strings.Contains(err.Error(), "SHA256SUMS is not there") {
		t.Errorf("without a list: %v", err)
	}
}

func FuzzSignature(f *testing.F) {
	a := newAuthor(f)
	f.Add(a.sign([]byte("message"), "plugin:alpha timestamp:1"))
	f.Add([]byte("untrusted comment: \n\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		comment, err := a.key.check(text, strings.NewReader("another message"))
		if err == nil {
			t.Fatalf("%q is a signature of what nobody signed, with the comment %q", text, comment)
		}
		if at, err := readComment(t.Context(), string(text), "alpha"); err == nil && (at <= 0 || at > maxSigned) {
			t.Fatalf("%q was made at %d", text, at)
		}
		parseSums(text)
		if k, err := ParseKey(string(text)); err == nil {
			if again, err := ParseKey(k.String()); err != nil || again != k || len(k.ID()) != 16 {
				t.Fatalf("the key %q is read as %v, %v", k, again, err)
			}
		}
	})
}
