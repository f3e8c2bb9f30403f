// SPDX-License-Identifier: Apache-2.0

package testplugin_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// A vector is a signed request that AWS has published.
type vector struct {
	name              string
	answers           sdk.Values
	method, url, body string
	header            http.Header
	want              string // the end of the Authorization header
}

// The first are of the Signature Version 4 test suite, the others the examples
// of "Authenticating Requests: Using the Authorization Header" in the API
// reference of S3.
func vectors() []vector {
	suite := sdk.Values{"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "region": "us-east-1", "service": "service"}
	s3 := sdk.Values{"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "us-east-1", "service": "s3"}
	suiteAt, s3At := "20150830T123600Z", "20130524T000000Z"
	with := func(date string, pairs ...string) http.Header {
		h := http.Header{"X-Amz-Date": {date}}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	return []vector{
		{"get-vanilla", suite, "GET", "https://example.amazonaws.com/", "", with(suiteAt),
			"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"post-vanilla", suite, "POST", "https://example.amazonaws.com/", "", with(suiteAt),
			"SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-vanilla-query-order-key-case", suite, "GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", "", with(suiteAt),
			"SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"post-x-www-form-urlencoded", suite, "POST", "https://example.amazonaws.com/", "Param1=value1",
			with(suiteAt, "Content-Type", "application/x-www-form-urlencoded"),
			"SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"s3-get-object", s3, "GET", "https://examplebucket.s3.amazonaws.com/test.txt", "", with(s3At, "Range", "bytes=0-9"),
			"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"s3-put-object", s3, "PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text", "Welcome to Amazon S3.",
			with(s3At, "Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY"),
			"SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"s3-get-lifecycle", s3, "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", "", with(s3At),
			"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"s3-list-objects", s3, "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "", with(s3At),
			"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	}
}

func (v vector) signed(t *testing.T) *http.Request {
	t.Helper()
	p := testplugin.SigV4{}
	answers, err := p.Schema().Complete(v.answers)
	if err != nil {
		t.Fatal(err)
	}
	in := sdk.NewInput(p.Schema(), answers)
	r := httptest.NewRequest(v.method, v.url, strings.NewReader(v.body))
	r.Header = v.header.Clone()
	u, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	header := v.header.Clone()
	header.Set("Host", u.Host)
	sum := sha256.Sum256([]byte(v.body))
	s, err := p.Sign(t.Context(), in, sdk.Grant{}, sdk.Request{Method: v.method, URL: v.url, Header: header, SHA256: sum[:]})
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range s.Header {
		r.Header[name] = values
	}
	return r
}

func TestSigV4SignsAsPublished(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			if got := v.signed(t).Header.Get("Authorization"); !strings.HasSuffix(got, v.want) {
				t.Errorf("got  %s\nwant …%s", got, v.want)
			}
		})
	}
}

func TestSigV4StandinTakesWhatIsPublishedAndNothingElse(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			at, err := time.Parse("20060102T150405Z", v.header.Get("X-Amz-Date"))
			if err != nil {
				t.Fatal(err)
			}
			s := &testplugin.SigV4Standin{Now: func() time.Time { return at },
				Keys: map[string]string{v.answers["accessKeyId"]: v.answers["secretAccessKey"]}}
			status := func(change func(r *http.Request)) int {
				r := v.signed(t)
				change(r)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				return w.Code
			}
			if got := status(func(*http.Request) {}); got != http.StatusOK {
				t.Fatalf("the request as published: status %d", got)
			}
			for what, change := range map[string]func(r *http.Request){
				"another method":    func(r *http.Request) { r.Method = "PATCH" },
				"another path":      func(r *http.Request) { r.URL.Path, r.URL.RawPath = r.URL.Path+"x", "" },
				"another query":     func(r *http.Request) { r.URL.RawQuery += "&x=y" },
				"another host":      func(r *http.Request) { r.Host = "other.amazonaws.com" },
				"another body":      func(r *http.Request) { r.Body = readCloser("other") },
				"another time":      func(r *http.Request) { r.Header.Set("X-Amz-Date", at.Add(time.Second).Format("20060102T150405Z")) },
				"an unsigned x-amz": func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") },
				"no signature":      func(r *http.Request) { r.Header.Del("Authorization") },
			} {
				if got := status(change); got != http.StatusForbidden {
					t.Errorf("%s: status %d", what, got)
				}
			}
		})
	}
}
