// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	old7  = "7.10.0"
	last5 = "7.10.36" // league 5.1.6
	last8 = "7.14.6"  // league 8.4
)

var (
	clientGrant   = map[string]string{"grant_type": "client_credentials", "client_id": HelloCloudClientID, "client_secret": HelloCloudClientSecret}
	passwordGrant = map[string]string{"grant_type": "password", "client_id": HelloCloudPasswordClient, "client_secret": HelloCloudClientSecret,
		"username": HelloCloudUsername, "password": HelloCloudPassword}
	jsonAPIType = map[string]string{"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
)

func refreshGrant(token string) map[string]string {
	return map[string]string{"grant_type": "refresh_token", "client_id": HelloCloudPasswordClient,
		"client_secret": HelloCloudClientSecret, "refresh_token": token}
}

// edit changes parameters, name and value in turn; an empty value takes one away.
func edit(values map[string]string, edits ...string) map[string]string {
	values = maps.Clone(values)
	for i := 0; i < len(edits); i += 2 {
		values[edits[i]] = edits[i+1]
		if edits[i+1] == "" {
			delete(values, edits[i])
		}
	}
	return values
}

// cloudAsk is a token request as HelloCloud documents it.
func cloudAsk(values map[string]string) ask {
	body, _ := json.Marshal(values)
	return ask{target: "/Api/access_token", header: jsonAPIType, body: string(body)}
}

// cloudForm is the same as a form.
func cloudForm(values map[string]string) ask {
	form := url.Values{}
	for name, v := range values {
		form.Set(name, v)
	}
	return ask{target: "/Api/access_token", header: with(), body: form.Encode()}
}

func newCloud(version string) *HelloCloud {
	return NewHelloCloud(HelloCloudConfig{Behaviour: HelloCloudBehaviour{Version: version}})
}

const (
	unsupported5 = "{\"error\":\"unsupported_grant_type\",\"message\":\"The authorization grant type is not supported by the authorization server.\",\"hint\":\"Check the `grant_type` parameter\"}"
	unsupported8 = `{"error":"unsupported_grant_type","error_description":"The authorization grant type is not supported by the authorization server.",` +
		`"hint":"Check that all required parameters have been provided","message":"The authorization grant type is not supported by the authorization server."}`
	malformed = "The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed."
	client5   = `{"error":"invalid_client","message":"Client authentication failed"}`
	client8   = `{"error":"invalid_client","error_description":"Client authentication failed","message":"Client authentication failed"}`
	noUser5   = `{"error":"unknown_error","message":"No user found"}`
	issued    = `{"token_type":"Bearer","expires_in":3600,"access_token":"ey…`
)

func missing5(name string) string {
	return `{"error":"invalid_request","message":"` + malformed + "\",\"hint\":\"Check the `" + name + "` parameter\"}"
}

func missing8(name string) string {
	return `{"error":"invalid_request","error_description":"` + malformed + "\",\"hint\":\"Check the `" + name + "` parameter\",\"message\":\"" + malformed + `"}`
}

func unknown5(message string) string { return `{"error":"unknown_error","message":"` + message + `"}` }

func unknown8(message string) string {
	return `{"error":"unknown_error","error_description":"` + message + `","message":"` + message + `"}`
}

func TestHelloCloudTokenErrors(t *testing.T) {
	asJSON := map[string]string{"Content-Type": "application/json"}
	challenge := map[string]string{"Content-Type": "application/json", "WWW-Authenticate": `Basic realm="OAuth"`}
	noChallenge := map[string]string{"Content-Type": "application/json", "WWW-Authenticate": ""}
	type row struct {
		version string
		ask     ask
		want    want
	}
	const noModule = "OAuth2Clients module with id nobody is not found"
	const noID = "Module id is empty when trying to get OAuth2Clients"
	const noName = "No user found with this username: nobody"
	basic := cloudAsk(edit(clientGrant, "client_secret", "", "client_id", ""))
	basic.header = maps.Clone(jsonAPIType)
	basic.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(HelloCloudClientID+":wrong"))
	loggedIn := cloudAsk(edit(clientGrant, "client_secret", "wrong"))
	loggedIn.header = maps.Clone(jsonAPIType)
	loggedIn.header["Authorization"] = "Bearer x"
	tests := map[string]row{
		"unknown grant":             {last5, cloudAsk(edit(clientGrant, "grant_type", "magic")), want{400, asJSON, unsupported5}},
		"no grant":                  {last5, cloudAsk(edit(clientGrant, "grant_type", "")), want{400, asJSON, unsupported5}},
		"unknown grant, 8.4":        {last8, cloudAsk(edit(clientGrant, "grant_type", "magic")), want{400, asJSON, unsupported8}},
		"no client id":              {last5, cloudAsk(edit(clientGrant, "client_id", "")), want{400, asJSON, missing5("client_id")}},
		"no client id, 8.4":         {last8, cloudAsk(edit(clientGrant, "client_id", "")), want{400, asJSON, missing8("client_id")}},
		"no username":               {last5, cloudAsk(edit(passwordGrant, "username", "")), want{400, asJSON, missing5("username")}},
		"no password":               {last5, cloudAsk(edit(passwordGrant, "password", "")), want{400, asJSON, missing5("password")}},
		"no refresh token":          {last5, cloudAsk(edit(refreshGrant(""), "refresh_token", "")), want{400, asJSON, missing5("refresh_token")}},
		"empty refresh token":       {last5, cloudAsk(refreshGrant("")), want{400, asJSON, refused5("Cannot decrypt the refresh token")}},
		"wrong secret":              {last5, cloudAsk(edit(clientGrant, "client_secret", "wrong")), want{401, challenge, client5}},
		"missing secret":            {last5, cloudAsk(edit(clientGrant, "client_secret", "")), want{401, challenge, client5}},
		"wrong secret, 8.4":         {last8, cloudAsk(edit(clientGrant, "client_secret", "wrong")), want{401, noChallenge, client8}},
		"wrong secret, Basic":       {last5, basic, want{401, challenge, client5}},
		"wrong secret, Basic, 8.4":  {last8, basic, want{401, challenge, client8}},
		"wrong secret, Bearer":      {last5, loggedIn, want{401, map[string]string{"WWW-Authenticate": `Bearer realm="OAuth"`}, client5}},
		"wrong secret, Bearer, 8.4": {last8, loggedIn, want{401, map[string]string{"WWW-Authenticate": `Bearer realm="OAuth"`}, client8}},
		"redirect URI":              {last5, cloudAsk(edit(clientGrant, "redirect_uri", "https://example.com/")), want{401, challenge, client5}},
		"unknown client":            {last5, cloudAsk(edit(clientGrant, "client_id", "nobody")), want{500, asJSON, unknown5(noModule)}},
		"unknown client, 8.4":       {last8, cloudAsk(edit(clientGrant, "client_id", "nobody")), want{500, asJSON, unknown8(noModule)}},
		"empty client":              {last5, cloudForm(map[string]string{"grant_type": "password", "client_id": ""}), want{500, asJSON, unknown5(noID)}},
		"unknown user":              {last5, cloudAsk(edit(passwordGrant, "username", "nobody")), want{500, asJSON, unknown5(noName)}},
		"unknown user, 8.4":         {last8, cloudAsk(edit(passwordGrant, "username", "nobody")), want{500, asJSON, unknown8(noName)}},
		"wrong password": {last5, cloudAsk(edit(passwordGrant, "password", "EXAMPLE typo")),
			want{500, asJSON, unknown5("The password is invalid: EXAMPLE typo")}},
		"wrong password, 8.4": {last8, cloudAsk(edit(passwordGrant, "password", "EXAMPLE typo")),
			want{500, asJSON, unknown8("The password is invalid: EXAMPLE typo")}},
		"wrong password, escaped": {last5, cloudAsk(edit(passwordGrant, "password", `a/b"é😀<&`)),
			want{500, asJSON, unknown5(`The password is invalid: a\/b\"\u00e9\ud83d\ude00<&`)}},
		"wrong password, not UTF-8":      {last5, cloudForm(edit(passwordGrant, "password", "\xff")), want{500, asJSON, ""}},
		"wrong password, not UTF-8, 8.4": {last8, cloudForm(edit(passwordGrant, "password", "\xff")), want{500, asJSON, "JSON encoding of payload failed"}},
		"any scope": {last5, cloudAsk(edit(clientGrant, "scope", "x")),
			want{400, asJSON, "{\"error\":\"invalid_scope\",\"message\":\"The requested scope is invalid, unknown, or malformed\",\"hint\":\"Check the `x` scope\"}"}},
		"scope before user": {last5, cloudAsk(edit(passwordGrant, "scope", `"'`, "username", "nobody")),
			want{400, asJSON, "{\"error\":\"invalid_scope\",\"message\":\"The requested scope is invalid, unknown, or malformed\",\"hint\":\"Check the `&quot;&#039;` scope\"}"}},
		"client before scope": {last5, cloudAsk(edit(clientGrant, "scope", "x", "client_secret", "wrong")), want{401, challenge, client5}},

		// A client of one grant that asks for the other.
		"password client as machine, 7.10.20": {"7.10.20", cloudAsk(edit(clientGrant, "client_id", HelloCloudPasswordClient)), want{200, nil, issued}},
		"password client as machine":          {last5, cloudAsk(edit(clientGrant, "client_id", HelloCloudPasswordClient)), want{500, asJSON, noUser5}},
		"password client as machine, 7.13.2":  {"7.13.2", cloudAsk(edit(clientGrant, "client_id", HelloCloudPasswordClient)), want{500, asJSON, noUser5}},
		"password client as machine, 7.13.3":  {"7.13.3", cloudAsk(edit(clientGrant, "client_id", HelloCloudPasswordClient)), want{401, noChallenge, client8}},
		"machine client as person":            {last5, cloudAsk(edit(passwordGrant, "client_id", HelloCloudClientID)), want{200, nil, issued}},
		"machine client as person, 8.4":       {last8, cloudAsk(edit(passwordGrant, "client_id", HelloCloudClientID)), want{401, noChallenge, client8}},

		// The API before 7.10.10.
		"machine on 7.10.0":        {old7, cloudAsk(clientGrant), want{400, asJSON, unsupported5}},
		"machine on 7.10.2":        {"7.10.2+", cloudAsk(clientGrant), want{200, nil, issued}},
		"unknown client on 7.10.0": {old7, cloudAsk(edit(passwordGrant, "client_id", "nobody")), want{401, challenge, client5}},
		"unknown user on 7.10.0": {old7, cloudAsk(edit(passwordGrant, "username", "nobody")),
			want{401, asJSON, `{"error":"invalid_credentials","message":"The user credentials were incorrect."}`}},
		"wrong password on 7.10.0": {old7, cloudAsk(edit(passwordGrant, "password", "wrong")),
			want{401, asJSON, `{"error":"invalid_credentials","message":"The user credentials were incorrect."}`}},
		"refresh on 7.10.0":  {old7, cloudAsk(refreshGrant("def50200")), want{400, asJSON, unsupported5}},
		"mismatch on 7.10.2": {"7.10.2", cloudAsk(edit(clientGrant, "client_id", HelloCloudPasswordClient)), want{500, asJSON, "{\n    \"message\": \"Slim Application Error\"\n}"}},

		// Releases that read the user name from a form only.
		"password in JSON, 7.10.20": {"7.10.20", cloudAsk(passwordGrant), want{200, nil, issued}},
		"password in JSON, 7.10.21": {"7.10.21", cloudAsk(passwordGrant), want{500, asJSON, noUser5}},
		"password in form, 7.10.21": {"7.10.21", cloudForm(passwordGrant), want{200, nil, issued}},
		"password in JSON, 7.11.13": {"7.11.13", cloudAsk(passwordGrant), want{500, asJSON, noUser5}},
		"password in JSON, 7.10.26": {"7.10.26", cloudAsk(passwordGrant), want{200, nil, issued}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { check(t, send(newCloud(tt.version), tt.ask), tt.want) })
	}
}

func refused5(hint string) string {
	return `{"error":"invalid_request","message":"The refresh token is invalid.","hint":"` + hint + `"}`
}

func refused8(hint string) string {
	return `{"error":"invalid_request","error_description":"The refresh token is invalid.","hint":"` + hint + `","message":"The refresh token is invalid."}`
}

func TestHelloCloudSwitches(t *testing.T) {
	tests := map[string]struct {
		b    HelloCloudBehaviour
		cfg  HelloCloudConfig
		ask  ask
		want want
	}{
		"broken keys": {b: HelloCloudBehaviour{BrokenKeys: true}, ask: cloudAsk(clientGrant),
			want: want{status: 500, body: `{"error":"unknown_error","message":"It was not possible to parse your key, reason: …`}},
		"emptied header is none, 8.4": {b: HelloCloudBehaviour{Version: last8, Authorization: HeaderEmptied}, ask: cloudAsk(edit(clientGrant, "client_secret", "wrong")),
			want: want{401, map[string]string{"WWW-Authenticate": ""}, client8}},
		"secret changed": {b: HelloCloudBehaviour{RefuseClients: true}, ask: cloudAsk(clientGrant), want: want{status: 401, body: client5}},
		"public client as machine": {b: HelloCloudBehaviour{Version: last8}, ask: cloudAsk(edit(clientGrant, "client_id", "p", "client_secret", "s")),
			cfg:  HelloCloudConfig{Clients: []HelloCloudClient{{ID: "p", Secret: "s", Grant: "client_credentials", Public: true, User: HelloCloudUsername}}},
			want: want{status: 401, body: client8}},
		"public client on 7.10.0": {b: HelloCloudBehaviour{Version: old7}, ask: cloudAsk(edit(passwordGrant, "client_id", "p", "client_secret", "wrong")),
			cfg:  HelloCloudConfig{Clients: []HelloCloudClient{{ID: "p", Secret: "s", Grant: "password", Public: true}}},
			want: want{status: 200, body: issued}},
		"no associated user": {ask: cloudAsk(edit(clientGrant, "client_id", "m", "client_secret", "s")),
			cfg:  HelloCloudConfig{Clients: []HelloCloudClient{{ID: "m", Secret: "s", Grant: "client_credentials"}}},
			want: want{status: 500, body: noUser5}},
		"shorter life": {b: HelloCloudBehaviour{ExpiresIn: time.Minute}, ask: cloudAsk(clientGrant), want: want{status: 200, body: `{"token_type":"Bearer","expires_in":60,…`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.cfg.Behaviour = tt.b
			check(t, send(NewHelloCloud(tt.cfg), tt.ask), tt.want)
		})
	}
}

// Body and content type must agree, and nothing else counts.
func TestHelloCloudBodies(t *testing.T) {
	right := want{200, map[string]string{"Content-Type": "application/json; charset=UTF-8", "Cache-Control": "no-store", "Pragma": "no-cache"}, issued}
	wrong := want{400, map[string]string{"Content-Type": "application/json"}, unsupported5}
	inJSON, inForm := cloudAsk(clientGrant).body, cloudForm(clientGrant).body
	inXML := "<r><grant_type>client_credentials</grant_type><client_id>" + HelloCloudClientID + "</client_id><client_secret>" + HelloCloudClientSecret + "</client_secret></r>"
	multipart := "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\n" + HelloCloudClientID + "\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\n" + HelloCloudClientSecret + "\r\n--b--\r\n"
	tests := map[string]struct {
		kind, target, body string
		want               want
	}{
		"vnd.api+json":          {"application/vnd.api+json", "", inJSON, right},
		"json":                  {"application/json; charset=utf-8", "", inJSON, right},
		"form":                  {formType, "", inForm, right},
		"multipart":             {"multipart/form-data; boundary=b", "", multipart, right},
		"xml":                   {"text/xml", "", inXML, right},
		"form called JSON":      {"application/vnd.api+json", "", inForm, wrong},
		"JSON called form":      {formType, "", inJSON, wrong},
		"broken JSON":           {"application/json", "", strings.TrimSuffix(inJSON, "}") + ",}", wrong},
		"two JSON values":       {"application/json", "", inJSON + inJSON, wrong},
		"grant type a number":   {"application/json", "", `{"grant_type":1}`, wrong},
		"empty body":            {"application/json", "", "", wrong},
		"no content type":       {"", "", inJSON, wrong},
		"text":                  {"text/plain", "", inJSON, wrong},
		"in the query":          {formType, "/Api/access_token?" + inForm, "", wrong},
		"null counts as absent": {"application/json", "", `{"grant_type":"client_credentials","client_id":null}`, want{400, nil, missing5("client_id")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.target == "" {
				tt.target = "/Api/access_token"
			}
			header := map[string]string{}
			if tt.kind != "" {
				header["Content-Type"] = tt.kind
			}
			check(t, send(newCloud(last5), ask{"POST", tt.target, header, tt.body}), tt.want)
		})
	}
	basic := cloudAsk(edit(clientGrant, "client_id", "", "client_secret", ""))
	basic.header = map[string]string{"Content-Type": "application/json",
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(HelloCloudClientID+":"+HelloCloudClientSecret))}
	check(t, send(newCloud(last5), basic), right)
	basic.body = cloudAsk(edit(clientGrant, "client_secret", "wrong")).body
	check(t, send(newCloud(last5), basic), want{401, nil, client5}) // the body wins
}

// The claims are those of the sample in HelloCloud's documentation.
func TestHelloCloudAccessToken(t *testing.T) {
	clock := NewClock(time.Unix(1518195102, 250_000_000))
	tests := map[string]struct {
		version       string
		grant         map[string]string
		header, claim string // J: the jti
	}{
		"person, 5.1.6": {last5, passwordGrant, `{"typ":"JWT","alg":"RS256","jti":"J"}`,
			`{"aud":"EXAMPLE-hellocloud-person","jti":"J","iat":1518195102,"nbf":1518195102,"exp":1518198702,"sub":"1","scopes":[]}`},
		"machine, 5.1.6": {last5, clientGrant, `{"typ":"JWT","alg":"RS256","jti":"J"}`,
			`{"aud":"EXAMPLE-hellocloud-machine","jti":"J","iat":1518195102,"nbf":1518195102,"exp":1518198702,"sub":"","scopes":[]}`},
		"person, 8.4": {last8, passwordGrant, `{"typ":"JWT","alg":"RS256"}`,
			`{"aud":"EXAMPLE-hellocloud-person","jti":"J","iat":1518195102.25,"nbf":1518195102.25,"exp":1518198702.25,"sub":"1","scopes":[]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHelloCloud(HelloCloudConfig{Now: clock.Now, Behaviour: HelloCloudBehaviour{Version: tt.version}})
			parts := strings.Split(field(t, send(h, cloudAsk(tt.grant)), "access_token"), ".")
			header, _ := base64.RawURLEncoding.DecodeString(parts[0])
			claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
			sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
			jti := regexp.MustCompile(`"jti":"([0-9a-f]{80})"`).FindSubmatch(claims)
			if jti == nil {
				t.Fatalf("no jti of 80 hex characters in: %s", claims)
			}
			got := []string{strings.ReplaceAll(string(header), string(jti[1]), "J"), strings.ReplaceAll(string(claims), string(jti[1]), "J")}
			if d := cmp.Diff([]string{tt.header, tt.claim}, got); d != "" {
				t.Errorf("token (-want +got):\n%s", d)
			}
			if len(sig) != 256 || !verifyJWT(parts[0]+"."+parts[1], sig) {
				t.Errorf("a signature of %d bytes does not verify", len(sig))
			}
		})
	}
}

func TestHelloCloudTokenAnswer(t *testing.T) {
	machine := send(newCloud(last5), cloudAsk(clientGrant)).Body.String()
	if !regexp.MustCompile(`^{"token_type":"Bearer","expires_in":3600,"access_token":"[\w-]+\.[\w-]+\.[\w-]{342}"}$`).MatchString(machine) {
		t.Errorf("machine: %s", machine)
	}
	person := send(newCloud(last5), cloudAsk(passwordGrant)).Body.String()
	if !regexp.MustCompile(`^{"token_type":"Bearer","expires_in":3600,"access_token":"[\w.-]+","refresh_token":"def50200[0-9a-f]+"}$`).MatchString(person) {
		t.Errorf("person: %s", person)
	}
	sample := NewHelloCloud(HelloCloudConfig{Clients: []HelloCloudClient{{ID: "suitecrm_client", Secret: "s", Grant: "password"}}})
	w := send(sample, cloudAsk(edit(passwordGrant, "client_id", "suitecrm_client", "client_secret", "s")))
	if n := len(field(t, w, "refresh_token")); n != 738 { // as in the documentation's sample
		t.Errorf("a refresh token of %d characters, want 738", n)
	}
}

func TestReleaseOfRefusesWhatIsNone(t *testing.T) {
	for _, version := range []string{"8.0.0", "7.9.1", "latest"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was taken for a release", version)
				}
			}()
			newCloud(last5).Set(func(b *HelloCloudBehaviour) { b.Version = version })
		}()
	}
}
