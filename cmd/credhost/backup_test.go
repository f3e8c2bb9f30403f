// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sqlitestore"
)

func init() {
	commands["agekey"] = ageKey
	commands["passphrased"] = passphrased
	commands["setvar"] = setVariable
	commands["tamper"] = tamper
	commands["cut"] = damage(func(b []byte) []byte { return b[:len(b)-20] })
	commands["spoil"] = damage(func(b []byte) []byte { b[len(b)-40] ^= 1; return b })
}

// passphrased makes a file that a passphrase opens, one that is guessed in no
// time:
//
//	passphrased FILE PASSPHRASE
func passphrased(ts *testscript.TestScript, _ bool, args []string) {
	r, err := age.NewScryptRecipient(args[1])
	ts.Check(err)
	r.SetWorkFactor(10)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, r)
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), sealed.Bytes(), 0o600))
}

// ageKey makes an age identity, whose public key is then in $RECIPIENT:
//
//	agekey FILE
func ageKey(ts *testscript.TestScript, _ bool, args []string) {
	i, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("# a comment\n"+i.String()+"\n"), 0o600))
	ts.Setenv("RECIPIENT", i.Recipient().String())
}

// setVariable gives a variable the value of others:
//
//	setvar NAME VALUE
func setVariable(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[0], args[1]) }

// damage returns a command that makes a damaged copy of a file:
//
//	cut FROM TO
func damage(do func([]byte) []byte) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), do(text), 0o600))
	}
}

// tamper is a thief with the store, who changes the trail:
//
//	tamper cut|change
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(ts.Getenv("CREDHOST_DATA"), "credhost.db")})
	ts.Check(err)
	defer store.Close()
	var records []host.Record
	var trail []host.TrailEntry
	ts.Check(store.Snapshot(ctx,
		func(r host.Record) error { records = append(records, r); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil }))
	switch strings.Join(args, " ") {
	case "cut":
		trail = trail[:len(trail)-1]
	case "change":
		trail[2].Event = bytes.Replace(trail[2].Event, []byte(`"os:`), []byte(`"so:`), 1)
	}
	ts.Check(store.Restore(ctx, true, func(ctx context.Context, into host.Filling) error {
		for _, r := range records {
			if err := into.Record(ctx, r); err != nil {
				return err
			}
		}
		for _, e := range trail {
			if err := into.Entry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}))
}
