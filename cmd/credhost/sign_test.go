// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"

	"aead.dev/minisign"
	"github.com/rogpeppe/go-internal/testscript"
)

// author is the key of a script's author of plugins.
type author struct{}

// sign signs a file as minisign does, and writes the author's public key to
// minisign.pub and to $KEY:
//
//	sign FILE TRUSTED COMMENT
func sign(ts *testscript.TestScript, _ bool, args []string) {
	private, ok := ts.Value(author{}).(*minisign.PrivateKey)
	if !ok {
		ts.Fatalf("the script has no author: see setup")
	}
	public := private.Public().(minisign.PublicKey)
	text, err := public.MarshalText()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("minisign.pub"), text, 0o644))
	ts.Setenv("KEY", public.String())
	ts.Setenv("KEYID", fmt.Sprintf("%016X", public.ID()))
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	r := minisign.NewReader(bytes.NewReader(data))
	_, err = io.Copy(io.Discard, r)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".minisig"), r.SignWithComments(*private, strings.Join(args[1:], " "), "signed by a script"), 0o644))
}

func newAuthor() (*minisign.PrivateKey, error) {
	_, private, err := minisign.GenerateKey(rand.Reader)
	return &private, err
}
