// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// ReadLine reads a line and no more, which a buffered reader would: the next
// one may be a secret. The error is ErrEnded at the end of the input, or that
// of ctx, which a read outlives until the program ends.
func ReadLine(ctx context.Context, in io.Reader) (string, error) {
	return wait(ctx, func() (string, error) {
		var line []byte
		for one := make([]byte, 1); ; {
			n, err := in.Read(one)
			switch {
			case n == 1 && one[0] == '\n':
				return strings.TrimSuffix(string(line), "\r"), nil
			case n == 1:
				line = append(line, one[0])
			case err != nil && len(line) > 0:
				return string(line), nil
			case err != nil:
				return "", ErrEnded
			}
		}
	})
}

// wait waits for what a person types, or for the end of ctx.
func wait(ctx context.Context, read func() (string, error)) (string, error) {
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		text, err := read()
		done <- typed{text, err}
	}()
	select {
	case t := <-done:
		return t.text, t.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// hidden reads lines that are not shown while they are typed, until they are
// the whole of an answer, which it returns. The terminal is silent throughout:
// what is pasted arrives between two reads, too.
func hidden(ctx context.Context, in *os.File, whole func(lines []string) (string, bool)) (string, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("what is typed cannot be hidden on this terminal: %w", err)
	}
	defer term.Restore(int(in.Fd()), before)
	var lines []string
	for {
		line, err := wait(ctx, func() (string, error) { return rawLine(in) })
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
		if text, ok := whole(lines); ok {
			return text, nil
		}
	}
}

// rawLine reads a line of a terminal that passes on the keys that edit it.
func rawLine(in io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		if n, err := in.Read(one); n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = ErrEnded
			}
			return "", err
		}
		switch b := one[0]; {
		case b == '\r' || b == '\n':
			return string(line), nil
		case b == 3: // Ctrl-C
			return "", ErrInterrupted
		case b == 4 && len(line) == 0: // Ctrl-D
			return "", ErrEnded
		case b == 21: // Ctrl-U
			line = nil
		case b == 8 || b == 127: // backspace
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case b >= ' ' || b == '\t':
			line = append(line, b)
		}
	}
}
