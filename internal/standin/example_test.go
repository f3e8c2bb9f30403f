// SPDX-License-Identifier: Apache-2.0

package standin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/credhost/credhost/internal/standin"
)

// A wrong password comes back from HelloCloud in clear text; what arrived
// there can be shown all the same.
func Example() {
	cloud := standin.NewHelloCloud(standin.HelloCloudConfig{})
	srv := httptest.NewServer(cloud)
	defer srv.Close()

	resp, err := http.PostForm(srv.URL+"/Api/access_token", url.Values{
		"grant_type":    {"password"},
		"client_id":     {standin.HelloCloudPasswordClient},
		"client_secret": {standin.HelloCloudClientSecret},
		"username":      {standin.HelloCloudUsername},
		"password":      {"EXAMPLE-mistyped"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()

	arrived := cloud.Masked()[0]
	fmt.Println(arrived.Method, arrived.Path, arrived.Status)
	fmt.Println(arrived.Body)
	// Output:
	// POST /Api/access_token 500
	// client_id=EXAMPLE-hellocloud-person&client_secret=[client secret]&grant_type=password&password=[password]&username=example
}

// Thirty days pass at once, and a service is throttled for one request.
func Example_badDay() {
	clock := standin.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	fax := standin.NewFaxPlus(standin.FaxPlusConfig{Now: clock.Now})
	fax.Set(func(b *standin.FaxPlusBehaviour) { b.AdvancedSecurity = true })
	clock.Advance(30 * 24 * time.Hour)
	fax.Fail(standin.API, standin.Fault{Status: 429, RetryAfter: "5", Times: 1})

	for range 2 {
		r := httptest.NewRequest("GET", "/v3/accounts/self", nil)
		r.Header.Set("Authorization", "Bearer "+standin.FaxPlusToken)
		w := httptest.NewRecorder()
		fax.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Retry-After"))
	}
	// Output:
	// 429 5
	// 200
}
