// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A plugin's HTTP client may inflate what comes compressed, by itself and
// without a limit: sixteen mebibytes become sixteen gibibytes. So the guard
// inflates the answers to requests of plugins, counts what comes of them, and
// asks for no compression that it does not know.

// askPlain returns the header of a request that asks for no compression but
// gzip, and for that only if h does. H stays as it is.
func askPlain(h http.Header) http.Header {
	asked, ok := h["Accept-Encoding"]
	if !ok {
		return h
	}
	h = h.Clone()
	delete(h, "Accept-Encoding")
	if wantsGzip(asked) {
		h["Accept-Encoding"] = []string{"gzip"}
	}
	return h
}

// wantsGzip reports whether a list of codings has gzip, and does not rule it
// out (RFC 9110, section 12.5.3).
func wantsGzip(values []string) bool {
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") {
			coding, weight, _ := strings.Cut(one, ";")
			weight = strings.TrimSpace(weight)
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") && weight != "q=0" && !strings.HasPrefix(weight, "q=0.0") {
				return true
			}
		}
	}
	return false
}

// inflate makes of an answer one that is not compressed. What is compressed in
// a way that nobody asked for is refused.
func inflate(resp *http.Response, origin string) error {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(resp.Header["Content-Encoding"], ",")))
	switch {
	case coding == "" || coding == "identity":
		return nil
	case coding != "gzip" && coding != "x-gzip", resp.StatusCode == http.StatusPartialContent:
		return sdk.Errorf(sdk.Unavailable, "%s compressed its answer in a way that it was not asked for", origin)
	case resp.Request.Method == http.MethodHead, resp.ContentLength == 0, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		return nil
	}
	for _, name := range []string{"Content-Encoding", "Content-Length"} {
		resp.Header.Del(name)
	}
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = &inflated{body: resp.Body}
	return nil
}

// An inflated body is one that came compressed.
type inflated struct {
	body io.ReadCloser
	gzip *gzip.Reader
	err  error
}

// Read reads what comes of it. An empty body is one.
func (b *inflated) Read(p []byte) (int, error) {
	if b.gzip == nil && b.err == nil {
		b.gzip, b.err = gzip.NewReader(b.body)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.gzip.Read(p)
}

// Close closes the body.
func (b *inflated) Close() error { return b.body.Close() }
