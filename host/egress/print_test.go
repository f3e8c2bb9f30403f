// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
)

// Neither a private key nor a proxy's password is printed, wherever a config
// stands.
func TestConfigsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	ada := clientCertificate(t, "ada", time.Hour)
	secret := fmt.Sprint(ada.PrivateKey)
	config := egress.Config{Proxy: "http://operator:hush@proxy.example:1", TLS: map[string]egress.TLS{"*": {Certificate: ada}}}
	for _, v := range []any{config, &config, config.TLS, config.TLS["*"], egress.Policy{TLS: config.TLS["*"]}, struct{ Egress egress.Config }{config}} {
		encoded, err := json.Marshal(struct{ V any }{config})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s %q %x", v, v, v), string(encoded)} {
			if strings.Contains(text, "hush") || strings.Contains(text, "68757368") || strings.Contains(text, secret) {
				t.Errorf("%T prints %s", v, text)
			}
		}
	}
}
