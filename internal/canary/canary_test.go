// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestPlanted shows that a secret is found however somebody writes it, and that
// nothing is found where there is none.
func TestPlanted(t *testing.T) {
	t.Parallel()
	const secret = `Kanarienvogel "7f3a9"/+&=%`
	n := New()
	if !n.Add("password", secret) || n.Add("PIN", "1234567") {
		t.Fatal("the nest takes the wrong secrets")
	}
	plain := []byte(secret)
	packed := &bytes.Buffer{}
	z := gzip.NewWriter(packed)
	fmt.Fprintf(z, "it is %s.", secret)
	z.Close()
	quoted, _ := json.Marshal(map[string]any{"password": secret, "bytes": plain})
	for name, text := range map[string]string{
		"plain":                  "it is " + secret + ".",
		"capitals":               "IT IS " + strings.ToUpper(secret),
		"base64":                 base64.StdEncoding.EncodeToString(plain),
		"base64, one further":    base64.StdEncoding.EncodeToString([]byte("x" + secret + "yz")),
		"base64, two further":    base64.RawURLEncoding.EncodeToString([]byte("xy" + secret + "z")),
		"base64, user and so on": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		"base64, wrapped":        wrapped(base64.StdEncoding.EncodeToString(plain), 12),
		"hexadecimal":            hex.EncodeToString(plain),
		"dump":                   strings.Join(strings.Fields(fmt.Sprintf("% x", plain)), " "),
		"query":                  "https://a.example/?p=" + url.QueryEscape(secret),
		"path":                   "https://a.example/" + url.PathEscape(secret),
		"all escaped":            strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", "X"+secret)), " ", "%"),
		"JSON":                   string(quoted),
		"%v of bytes":            fmt.Sprintf("%v", struct{ b []byte }{plain}),
		"%#v of bytes":           fmt.Sprintf("%#v", plain),
		"%q":                     fmt.Sprintf("%q", secret),
		"%+q of an error":        fmt.Sprintf("%+q", fmt.Errorf("no: %s", secret)),
		"%x":                     fmt.Sprintf("%X", secret),
		"UTF-16":                 string(inUTF16(secret)),
		"HTML":                   "&lt;" + strings.NewReplacer("&", "&amp;", `"`, "&#34;").Replace(secret),
		"wrapped":                wrapped("it is "+secret, 9),
		"packed":                 "PK" + packed.String(),
	} {
		if len(n.Search(name, []byte(text))) == 0 {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	for _, text := range []string{"", "it is [secret].", "Kanarienvögel \"7f3a9\"", strings.Repeat("\x00", 100)} {
		if leaks := n.Search("nothing", []byte(text)); len(leaks) > 0 {
			t.Errorf("in %q was found: %v", text, leaks)
		}
	}
}

// TestPieces shows that a part of a long secret is found, which a log that cuts
// its lines would show.
func TestPieces(t *testing.T) {
	t.Parallel()
	long := "-----BEGIN KEY-----\n"
	for i := range 10 {
		long += fmt.Sprintf("%02dline%s\n", i, strings.Repeat(string(rune('a'+i)), 58))
	}
	n := New()
	n.Add("key", long)
	for _, from := range []int{0, 100, 300} {
		if piece := long[from : from+120]; len(n.Search("a piece", []byte(piece))) == 0 {
			t.Errorf("%q was not found", piece)
		}
	}
	if leaks := n.Search("a message", []byte("-----BEGIN KEY")); len(leaks) > 0 {
		t.Error(leaks)
	}
}

// TestLeakSaysNoSecret shows that what is found is not shown again.
func TestLeakSaysNoSecret(t *testing.T) {
	t.Parallel()
	n := New()
	n.Add("token", "canary-7f3a9-canary")
	leaks := n.Search("a log", []byte("took canary-7f3a9-canary"))
	if len(leaks) == 0 {
		t.Fatal("not found")
	}
	if text := fmt.Sprint(leaks); len(n.Search("", []byte(text))) > 0 || !strings.Contains(text, "a log holds the token") {
		t.Error(text)
	}
}

func wrapped(text string, width int) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\r\n\t")
		text = text[width:]
	}
	return b.String() + text
}

func BenchmarkSearch(b *testing.B) {
	n := New()
	for i := range 200 {
		n.Add("secret", fmt.Sprintf("canary-%03d-abcdefghijklmnop", i))
	}
	content := bytes.Repeat([]byte("nothing to be seen here, go on. "), 1<<15)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		n.Search("", content)
	}
}
