// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"golang.org/x/term"
)

// An envelope says to whom a backup is encrypted, or who reads one.
type envelope struct {
	recipients     []string
	identities     []string
	passphrase     bool
	passphraseFile string
}

// seal returns to whom a backup is encrypted.
func (e envelope) seal(ctx context.Context, p *program) ([]age.Recipient, error) {
	byPassphrase := e.passphrase || e.passphraseFile != ""
	switch {
	case byPassphrase && len(e.recipients) > 0:
		return nil, &failure{code: codeUsage, text: "a backup is encrypted to recipients or with a passphrase, not both"}
	case !byPassphrase && len(e.recipients) == 0:
		return nil, &failure{code: codeUsage, text: "to whom is the backup to be encrypted?",
			next: "say --recipient age1…, whose key age-keygen makes, or --passphrase"}
	case byPassphrase:
		pass, err := e.readPassphrase(ctx, p, true)
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(pass)
		return []age.Recipient{r}, err
	}
	var all []age.Recipient
	for _, text := range e.recipients {
		some, err := parseRecipients(text)
		if err != nil {
			return nil, &failure{code: codeUsage, text: "--recipient is a public key that begins with age1, or a file with some: " + err.Error()}
		}
		all = append(all, some...)
	}
	return all, nil
}

func parseRecipients(text string) ([]age.Recipient, error) {
	if strings.HasPrefix(text, "age1") {
		return age.ParseRecipients(strings.NewReader(text))
	}
	f, err := os.Open(text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return age.ParseRecipients(f)
}

// open returns who reads a backup.
func (e envelope) open(ctx context.Context, p *program) ([]age.Identity, error) {
	byPassphrase := e.passphrase || e.passphraseFile != ""
	switch {
	case byPassphrase == (len(e.identities) > 0):
		return nil, &failure{code: codeUsage, text: "what opens the backup?", next: "say --identity FILE, the one that age-keygen made, or --passphrase"}
	case byPassphrase:
		pass, err := e.readPassphrase(ctx, p, false)
		if err != nil {
			return nil, err
		}
		i, err := age.NewScryptIdentity(pass)
		if i != nil {
			i.SetMaxWorkFactor(22)
		}
		return []age.Identity{i}, err
	}
	var all []age.Identity
	for _, name := range e.identities {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, &failure{code: codeUsage, text: "--identity: " + err.Error()}
		}
		some, err := age.ParseIdentities(bytes.NewReader(text))
		clear(text)
		if err != nil { // whose words may be of a secret
			return nil, &failure{code: codeUsage, text: "--identity: " + name + " holds no age identities: lines that begin with AGE-SECRET-KEY-1"}
		}
		all = append(all, some...)
	}
	return all, nil
}

// shortestPassphrase is a limit against mistakes; scrypt is against guessing.
const shortestPassphrase = 10

// readPassphrase reads the passphrase from its file, or asks for it: twice, if it
// is new.
func (e envelope) readPassphrase(ctx context.Context, p *program, isNew bool) (string, error) {
	if e.passphraseFile != "" {
		text, err := os.ReadFile(e.passphraseFile)
		if err != nil {
			return "", &failure{code: codeUsage, text: "--passphrase-file: " + err.Error()}
		}
		return checkPassphrase(strings.TrimRight(string(text), "\r\n"), isNew)
	}
	someone, ok := p.person()
	if !ok {
		return "", &failure{code: codeUsage, text: "nobody is there to ask for the passphrase", next: "give it with --passphrase-file"}
	}
	one, err := someone.secret(ctx, "passphrase: ")
	if err != nil || !isNew {
		return one, err
	}
	two, err := someone.secret(ctx, "and again: ")
	if err == nil && one != two {
		err = &failure{code: codeUsage, text: "the two are not the same"}
	}
	if err != nil {
		return "", err
	}
	return checkPassphrase(one, isNew)
}

func checkPassphrase(pass string, isNew bool) (string, error) {
	if isNew && len(pass) < shortestPassphrase {
		return "", &failure{code: codeUsage, text: fmt.Sprintf("a passphrase has at least %d characters", shortestPassphrase)}
	}
	return pass, nil
}

// secret asks for what must not be seen.
func (o person) secret(ctx context.Context, question string) (string, error) {
	fd := int(o.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(o.out, question)
	type read struct {
		text []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- read{text, err}
	}()
	select {
	case <-ctx.Done(): // the read goes on, but the terminal shows again what is typed
		fmt.Fprintln(o.out)
		return "", errors.Join(term.Restore(fd, before), ctx.Err())
	case r := <-done:
		fmt.Fprintln(o.out)
		if errors.Is(r.err, io.EOF) {
			return "", errEnded
		}
		return string(r.text), r.err
	}
}
