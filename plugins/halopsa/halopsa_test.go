// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

func TestPlugin(t *testing.T) {
	plugintest.Run(t, plugintest.Suite{
		New:     func() sdk.Plugin { return halopsa{} },
		Service: standin.NewHalo(standin.HaloConfig{}),
		Answers: map[string]sdk.Values{"hosted": hosted()},
	})
}

func hosted() sdk.Values {
	return sdk.Values{
		"hostingType":  "hostedHalo",
		"authUrl":      "https://example.halopsa.com/auth/",
		"resourceUrl":  "https://example.halopsa.com/api",
		"tenant":       standin.HaloTenant,
		"clientId":     standin.HaloClientID,
		"clientSecret": standin.HaloClientSecret,
	}
}
