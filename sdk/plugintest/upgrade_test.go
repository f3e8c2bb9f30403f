// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"strings"

	"github.com/credhost/credhost/sdk"
)

var upgradeFaults = []planted{
	{name: "upgrade that loses an answer", in: "InProcess/Upgrade/Version0/1", says: "are not complete",
		plugin: altered{upgrade: func(context.Context, int, sdk.Values) (sdk.Values, error) { return sdk.Values{"site": "north"}, nil }}},
	{name: "upgrade that spoils an answer", in: "InProcess/Upgrade/Version0/1", says: "do not work",
		plugin: altered{upgrade: func(_ context.Context, _ int, old sdk.Values) (sdk.Values, error) {
			return sdk.Values{"site": "north", "key": strings.ToLower(old["token"])}, nil
		}}},
	{name: "upgrade that fails", in: "InProcess/Upgrade/Version0/1", says: "Upgrade from version 0",
		plugin: altered{upgrade: func(context.Context, int, sdk.Values) (sdk.Values, error) {
			return nil, sdk.Errorf(sdk.Invalid, "enter everything again")
		}}},
	{name: "upgrade that changes the old answers", in: "InProcess/Upgrade/Version0/1", says: "changed the answers",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			values, err := model{}.Upgrade(ctx, from, old)
			delete(old, "token")
			return values, err
		}}},
	{name: "upgrade that asks the service", in: "InProcess/Upgrade/Version0/1", says: "which the schema does not declare for this call",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			sdk.Probe(ctx, sdk.Grant{}, modelLogin, nil)
			return model{}.Upgrade(ctx, from, old)
		}}},
	{name: "upgrade that panics without an answer", in: "InProcess/Upgrade/Version0/Empty", says: "it panicked",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			_ = old["token"][0]
			return model{}.Upgrade(ctx, from, old)
		}}},
}
