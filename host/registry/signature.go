// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"

	"github.com/credhost/credhost/internal/defence"
)

// A Key is a public key of minisign, by which a plugin's author signs. Its zero
// value is none. Keys can be compared.
type Key struct {
	line string // as minisign prints it
	id   uint64
}

// ParseKey reads a public key: the file that "minisign -G" wrote, or the line of
// it that begins with "RW".
func ParseKey(text string) (Key, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	var k minisign.PublicKey
	err := k.UnmarshalText([]byte(line))
	if err != nil || k.String() != line || len(lines) > 2 || len(lines) == 2 && !strings.HasPrefix(lines[0], "untrusted comment:") {
		return Key{}, errors.New("this is no public key of minisign: give the file minisign.pub, or its line that begins with RW")
	}
	return Key{line: line, id: k.ID()}, nil
}

// String returns the line of k that ParseKey reads, or "".
func (k Key) String() string { return k.line }

// ID returns what people tell keys by, as minisign prints it, or "". It is not
// proof of anything: who wants to can make a key of any ID.
func (k Key) ID() string {
	if k == (Key{}) {
		return ""
	}
	return fmt.Sprintf("%016X", k.id)
}

// keyID returns the ID of a key in a lock file.
func keyID(line string) string {
	k, _ := ParseKey(line)
	return k.ID()
}

// What lies beside what it signs.
const (
	signatureSuffix = ".minisig"
	sumsFile        = "SHA256SUMS" // of a bundle: its contents, as sha256sum prints them
)

// The limits of a signature and of what it signs.
const (
	maxSignature = 8 << 10
	maxSums      = 4 << 20
)

// signaturePath returns where the signature of f is.
func (f found) signaturePath() string {
	if f.bundle {
		return filepath.Join(f.path, sumsFile+signatureSuffix)
	}
	return f.path + signatureSuffix
}

// verify returns when i, which was made of f, was signed by a key. It looks at
// the bytes that i holds, which are those that are executed.
func (r *Registry) verify(key Key, f found, i *image) (signed int64, err error) {
	signed, err = key.verify(r.ctx, f, i)
	if err != nil && r.off(defence.Signed) {
		return maxSigned, nil
	}
	return signed, err
}

func (k Key) verify(ctx context.Context, f found, i *image) (signed int64, err error) {
	at := f.signaturePath()
	text, err := readSmall(at, maxSignature)
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("it is not signed: %s is not there: get it from its author, who makes it with minisign -Sm", at)
	}
	if err != nil {
		return 0, plainError(at, err)
	}
	message, err := signedBytes(f, i)
	if err != nil {
		return 0, err
	}
	comment, err := k.check(text, message)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", at, err)
	}
	signed, err = readComment(ctx, comment, f.name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", at, err)
	}
	return signed, nil
}

// check returns the trusted comment of a signature that k made of a message.
//
// Only signatures of the message's hash are taken, which minisign makes by
// default: the older ones would need all of the message in memory.
func (k Key) check(text []byte, message io.Reader) (comment string, err error) {
	var (
		public minisign.PublicKey
		s      minisign.Signature
	)
	if err := public.UnmarshalText([]byte(k.line)); err != nil {
		return "", err // it is the zero Key
	}
	if err := s.UnmarshalText(text); err != nil {
		return "", errors.New("it is no signature of minisign, or was cut off: fetch it again")
	}
	switch {
	case s.KeyID != k.id:
		return "", fmt.Errorf("it was made by the key %016X, not by %s: if the author has a new key, and says so in a place that you trust, trust the plugin with --key", s.KeyID, k.ID())
	case s.Algorithm != minisign.HashEdDSA:
		return "", errors.New("it is in minisign's old format: its author must sign again, with minisign 0.10 or newer and without -l")
	}
	r := minisign.NewReader(message)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return "", err
	}
	if !r.Verify(public, text) {
		return "", errors.New("it is not the signature of these bytes, or its trusted comment was changed: fetch the plugin and its signature again, both of one version")
	}
	return s.TrustedComment, nil
}

// maxSigned is the last second of the year 9999.
var maxSigned = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - 1

// readComment returns when a signature says that it was made, by its trusted
// comment: words, each with a name before a colon. Minisign writes timestamp,
// which tells older versions from newer ones, and file. An author who signs
// files of several names writes plugin instead: it keeps one of their plugins
// from being passed off as another.
func readComment(ctx context.Context, comment, name string) (signed int64, err error) {
	words := map[string]string{}
	for word := range strings.FieldsSeq(comment) {
		key, value, _ := strings.Cut(word, ":")
		if _, twice := words[key]; twice {
			return 0, fmt.Errorf("its trusted comment has %s twice: its author must sign again", printable(key, 32))
		}
		words[key] = value
	}
	is, ok := words["plugin"]
	if !ok {
		is, ok = strings.CutPrefix(strings.TrimSuffix(words["file"], ".exe"), prefix)
	}
	if !ok {
		return 0, fmt.Errorf("its trusted comment does not say which plugin it is of: its author must sign with -t %q", "plugin:"+name+" timestamp:$(date +%s)")
	}
	if is != name && !defence.Off(ctx, defence.Named) {
		return 0, fmt.Errorf("it is of the plugin %s, not of %s: fetch the right one", printable(is, 64), name)
	}
	signed, err = strconv.ParseInt(words["timestamp"], 10, 64)
	if err != nil || signed <= 0 || signed > maxSigned || strconv.FormatInt(signed, 10) != words["timestamp"] {
		return 0, errors.New("its trusted comment does not say when it was made: its author must sign with a timestamp, as minisign does by default")
	}
	return signed, nil
}

// signedBytes returns what a signature of f is of: the bytes of the program that
// i holds or, of a bundle, the list of its contents, which are i's.
func signedBytes(f found, i *image) (io.Reader, error) {
	if !f.bundle {
		info, err := i.held.Stat()
		if err != nil {
			return nil, err
		}
		return io.NewSectionReader(i.held, 0, info.Size()), nil
	}
	at := filepath.Join(f.path, sumsFile)
	list, err := readSmall(at, maxSums)
	if err != nil {
		return nil, fmt.Errorf("%w: its author makes it with sha256sum", plainError(at, err))
	}
	sums, err := parseSums(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	for name, sum := range i.parts {
		switch listed, ok := sums[name]; {
		case !ok:
			return nil, fmt.Errorf("%s does not list %s, which the plugin is made of: its author must sign all of it", at, name)
		case listed != sum:
			return nil, fmt.Errorf("%s is not what %s lists: fetch the plugin again", filepath.Join(f.path, filepath.FromSlash(name)), sumsFile)
		}
	}
	return bytes.NewReader(list), nil
}

var sumsLine = regexp.MustCompile(`^([0-9a-f]{64}) [ *](.+)$`)

// parseSums reads what sha256sum prints. Files that the plugin is not made of
// may be among them: they are not within its reach.
func parseSums(list []byte) (map[string]digest, error) {
	sums := map[string]digest{}
	for lines := bufio.NewScanner(bytes.NewReader(list)); ; {
		if !lines.Scan() {
			return sums, lines.Err()
		}
		m := sumsLine.FindStringSubmatch(strings.TrimSuffix(lines.Text(), "\r"))
		if m == nil {
			return nil, fmt.Errorf("a line of it is none of sha256sum's: its author makes it anew")
		}
		name := path.Clean(m[2])
		if _, twice := sums[name]; twice {
			return nil, fmt.Errorf("it lists %s twice: its author makes it anew", printable(name, 256))
		}
		sums[name] = digest("sha256:" + m[1])
	}
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %d KiB", limit>>10)
	}
	return data, err
}
