// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// The examples of AWS' own documentation.
const (
	sigv4KeyID  = "AKIDEXAMPLE"
	sigv4Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var (
	awsKeyID   = sdk.Field{Name: "accessKeyId", Title: "Access key ID"}
	awsSecret  = sdk.Field{Name: "secretAccessKey", Title: "Secret access key", Secret: true}
	awsSession = sdk.Field{Name: "sessionToken", Title: "Session token", Secret: true, Optional: true}
	awsRegion  = sdk.Field{Name: "region", Title: "Region", Default: "us-east-1", Pattern: `^[a-z0-9-]+$`}
	awsService = sdk.Field{Name: "service", Title: "Service", Optional: true,
		Help: "Signs for this service, where the host's name does not say which it is."}
)

// SigV4 is the type sigv4: AWS Signature Version 4, in headers. The clock of
// the machine may be wrong: when the service refuses a request, the time at
// which it did says by how much, and the grant's state remembers.
type SigV4 struct {
	Now func() time.Time // nil: time.Now
}

var (
	_ sdk.Tester = SigV4{}
	_ sdk.Signer = SigV4{}
)

// Schema implements [sdk.Plugin].
func (SigV4) Schema() sdk.Schema {
	return sdk.Schema{Name: "sigv4", Title: "AWS", Fields: []sdk.Field{awsKeyID, awsSecret, awsSession, awsRegion, awsService},
		DocsURL: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html", Origins: []string{"https://*.amazonaws.com"}}
}

func (s SigV4) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Grant implements [sdk.Plugin].
func (s SigV4) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	g := sdk.Grant{Sign: sdk.SignURL | sdk.SignHeader | sdk.SignSHA256, Refused: []int{401, 403}, State: in.State}
	if in.Refused == nil {
		return g, nil
	}
	if date, err := http.ParseTime(in.Refused.Header.Get("Date")); err == nil {
		g.State = nil
		if skew := date.Sub(s.now()).Round(time.Second); skew.Abs() > time.Minute {
			g.State = []byte(strconv.Itoa(int(skew / time.Second)))
		}
	}
	return g, nil
}

// Sign implements [sdk.Signer]. A request that has an X-Amz-Date already is
// signed for that time.
func (s SigV4) Sign(_ context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return sdk.Signature{}, sdk.Errorf(sdk.Internal, "the request has no proper URL")
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		skew, _ := strconv.Atoi(string(g.State)) // 0, if there is none
		date = s.now().Add(time.Duration(skew) * time.Second).UTC().Format("20060102T150405Z")
	}
	service := in.Get(awsService)
	if service == "" {
		service, _, _ = strings.Cut(u.Hostname(), ".")
	}
	added := http.Header{"X-Amz-Date": {date}}
	if token := in.Get(awsSession); token != "" {
		added.Set("X-Amz-Security-Token", token)
	}
	if service == "s3" {
		added.Set("X-Amz-Content-Sha256", hex.EncodeToString(r.SHA256))
	}
	signed := r.Header.Clone()
	for name, v := range added {
		signed[name] = v
	}
	scope := awsScope{date: date[:min(8, len(date))], region: in.Get(awsRegion), service: service}
	names := signedNames(signed)
	canonical := canonicalRequest(service, r.Method, u, signed, names, hex.EncodeToString(r.SHA256))
	added.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+in.Get(awsKeyID)+"/"+scope.String()+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+scope.sign(in.Get(awsSecret), date, canonical))
	return sdk.Signature{Header: added}, nil
}

// Test implements [sdk.Tester]: everybody may ask who they are.
func (s SigV4) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	host := "sts." + in.Get(awsRegion) + ".amazonaws.com"
	where := "https://" + host + "/?Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	signature, err := s.Sign(ctx, in, g, sdk.Request{Method: r.Method, URL: where, Header: http.Header{"Host": {host}}, SHA256: empty[:]})
	if err != nil {
		return err
	}
	for name, v := range signature.Header {
		r.Header[name] = v
	}
	resp, body, err := sdk.Fetch(r)
	if err != nil {
		return err
	}
	switch said := string(body); {
	case resp.StatusCode == http.StatusForbidden && !strings.Contains(said, "<Code>AccessDenied</Code>"):
		return sdk.Errorf(sdk.Denied, "AWS does not take the access key: check the ID, the secret and the clock")
	case resp.StatusCode == http.StatusOK && !strings.Contains(said, "<GetCallerIdentityResult>"):
		return sdk.Errorf(sdk.Unavailable, "this is not an answer of AWS: check the region")
	}
	return sdk.Status(resp)
}
