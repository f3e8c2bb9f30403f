// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A key file, version 1, is text:
//
//	credhost key file v1 sha256:⟨64 hex digits⟩
//	# any number of lines that begin with #
//	{"primaryKeyId":…,"key":[…]}
//
// The last line is a keyset as Tink writes it in JSON (keyset.NewJSONWriter),
// in clear, so Tink's own tools can read it. The sum is of that line without
// white space around it: a keyset in which one letter has changed is still a
// keyset, but opens nothing. Lines may end in CR LF.
const (
	keyFileMagic   = "credhost key file v"
	keyFileVersion = 1
	keyFileWords   = `# Whoever has this file and the store can open every credential; without this file, nobody can.
# Keep a backup, apart from the store. Let credhost change it, not an editor.
`
)

func formatKeyFile(k *keys) ([]byte, error) {
	var set bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&set)); err != nil {
		return nil, fmt.Errorf("write the keyset as JSON: %w", err)
	}
	defer clear(set.Bytes())
	line := bytes.TrimSpace(set.Bytes())
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%d sha256:%x\n%s", keyFileMagic, keyFileVersion, sha256.Sum256(line), keyFileWords)
	out.Grow(len(line) + 1) // and no copy of the keys stays behind
	out.Write(line)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// parseKeyFile reads what formatKeyFile wrote. No error quotes the file or what
// a parser said of it: it may be somebody's secret of another kind.
func parseKeyFile(data []byte) (*keys, error) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	after, ok := bytes.CutPrefix(first, []byte(keyFileMagic))
	number, sum, ok2 := bytes.Cut(bytes.TrimSpace(after), []byte(" "))
	v, err := strconv.Atoi(string(number))
	switch {
	case !ok || err != nil:
		return nil, fmt.Errorf("%w: its first line must begin with %q", ErrDamagedKeyFile, keyFileMagic)
	case v > keyFileVersion:
		return nil, ErrNewer
	case v != keyFileVersion || !ok2:
		return nil, fmt.Errorf("%w: its first line is wrong: put back the backup", ErrDamagedKeyFile)
	}
	set := keysetLine(rest)
	if got := sha256.Sum256(set); "sha256:"+hex.EncodeToString(got[:]) != string(sum) {
		return nil, fmt.Errorf("%w: it is not as credhost wrote it: put back the backup", ErrDamagedKeyFile)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(set)))
	if err != nil {
		return nil, fmt.Errorf("%w: it holds no keyset: put back the backup", ErrDamagedKeyFile)
	}
	k, err := newKeys(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamagedKeyFile, err)
	}
	return k, nil
}

// keysetLine answers what follows the comments.
func keysetLine(rest []byte) []byte {
	for bytes.HasPrefix(rest, []byte("#")) {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	return bytes.TrimSpace(rest)
}
