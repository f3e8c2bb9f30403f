// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

// An act is what is shown of one credential.
type act struct {
	title   string
	typ     string
	service standin.Service
	answers sdk.Values
	wrong   sdk.Values // a mistake in the answers, which is refused
	url     string     // what is requested
	connect bool       // a person approves in a browser
	endless string     // why there is nothing to renew; empty: there is
}

// acts returns what is shown of a type.
func (s *stage) acts(typ string) []act {
	switch typ {
	case "halopsa":
		return s.halo()
	case "hellocloud":
		return s.helloCloud()
	}
	return s.faxPlus()
}

func (s *stage) halo() []act {
	client := func(url string, more sdk.Values) sdk.Values {
		return with(sdk.Values{"authUrl": url + "/auth", "resourceUrl": url + "/api",
			"clientId": standin.HaloClientID, "clientSecret": standin.HaloClientSecret}, more)
	}
	here, there := s.urls[s.onPremise], s.urls[s.hosted]
	return []act{
		{title: "on premise", typ: "halopsa", service: s.onPremise, url: here + "/api/tickets",
			answers: client(here, nil), wrong: sdk.Values{"clientSecret": ""}},
		{title: "hosted by Halo", typ: "halopsa", service: s.hosted, url: there + "/api/tickets",
			answers: client(there, sdk.Values{"hostingType": "hostedHalo", "tenant": standin.HaloTenant}),
			wrong:   sdk.Values{"tenant": ""}},
	}
}

func (s *stage) helloCloud() []act {
	url := s.urls[s.cloud]
	return []act{
		{title: "client credentials", typ: "hellocloud", service: s.cloud, url: url + "/Api/V8/meta/modules",
			answers: sdk.Values{"baseUrl": url, "clientId": standin.HelloCloudClientID, "clientSecret": standin.HelloCloudClientSecret},
			wrong:   sdk.Values{"version": "7.10.0", "grantType": "client_credentials"}},
		{title: "password", typ: "hellocloud", service: s.cloud, url: url + "/Api/V8/meta/modules",
			answers: sdk.Values{"baseUrl": url, "grantType": "password", "clientId": standin.HelloCloudPasswordClient,
				"clientSecret": standin.HelloCloudClientSecret, "username": standin.HelloCloudUsername, "password": standin.HelloCloudPassword},
			wrong: sdk.Values{"baseUrl": "crm.example.com"}},
	}
}

func (s *stage) faxPlus() []act {
	const outbox = "https://" + standin.FaxPlusAPIHost + "/v3/accounts/self/outbox"
	return []act{
		{title: "personal access token", typ: "faxplus", service: s.fax, url: outbox,
			answers: sdk.Values{"personalAccessToken": standin.FaxPlusToken},
			wrong:   sdk.Values{"patExpiresAt": "next year"},
			endless: "a personal access token is used as it is: there is nothing to renew"},
		{title: "OAuth 2.0, approved in a browser", typ: "faxplus", service: s.fax, url: outbox, connect: true,
			answers: sdk.Values{"authMethod": "oauth2", "clientId": standin.FaxPlusClientID, "clientSecret": standin.FaxPlusClientSecret},
			wrong:   sdk.Values{"clientId": "my fax client"}},
	}
}

// with returns values with others in their place.
func with(values, others sdk.Values) sdk.Values {
	all := sdk.Values{}
	for _, vs := range []sdk.Values{values, others} {
		for name, v := range vs {
			all[name] = v
		}
	}
	return all
}
