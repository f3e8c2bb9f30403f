// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"bytes"
	"errors"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/sdk"
)

// peekHead waits until br holds the line and the headers of a request, with
// the empty line after them, and returns them without taking them. The error
// is an *sdk.Error if they are too long.
func peekHead(br *bufio.Reader) (string, error) {
	for n := 1; ; {
		_, err := br.Peek(n)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return "", sdk.Errorf(sdk.Internal, "the line and the headers of a request must not exceed %d KiB", maxHead>>10)
		case err != nil:
			return "", err
		}
		seen, err := br.Peek(br.Buffered())
		if err != nil {
			return "", err
		}
		if end := headEnd(seen); end > 0 {
			return string(seen[:end]), nil
		}
		n = len(seen) + 1
	}
}

// headEnd returns where the first empty line ends, however its end is spelt;
// 0 if there is none yet.
func headEnd(seen []byte) int {
	end := 0
	for _, empty := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(seen, []byte(empty)); i >= 0 && (end == 0 || i+len(empty) < end) {
			end = i + len(empty)
		}
	}
	return end
}

// checkHead refuses what two readers might take for two different requests.
// net/http forgives much of it, and forgets that it was there.
func checkHead(head string) error {
	count := make(map[string]int, 3)
	lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	for i, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return malformed("has a line that does not end in CR LF")
		}
		if i == 0 {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return malformed("has a header that is not one")
		}
		for _, framing := range []string{"Host", "Content-Length", "Transfer-Encoding"} {
			if sdk.SameHeader(name, framing) && !strings.EqualFold(name, framing) {
				return malformed("has a header that some servers take for " + framing)
			}
		}
		count[strings.ToLower(name)]++
	}
	switch {
	case count["host"] != 1:
		return malformed("must have one Host header")
	case count["content-length"]+count["transfer-encoding"] > 1:
		return malformed("says more than once how long it is")
	}
	return nil
}

func malformed(what string) error {
	return sdk.Errorf(sdk.Internal, "the request %s", what)
}
