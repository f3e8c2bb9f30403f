// SPDX-License-Identifier: Apache-2.0

package events

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins the secret of a webhook, as Standard Webhooks has it.
const secretPrefix = "whsec_"

// newSecret returns a secret of 256 bits.
func newSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// signature returns what Standard Webhooks calls webhook-signature: for each
// secret, in the scheme v1, what the ID, the time in Unix seconds and the body
// give with HMAC-SHA256.
func signature(id string, at time.Time, body []byte, secrets ...string) string {
	all := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, secretPrefix))
		if err != nil {
			panic("events: a stored secret is none") // it was sealed as newSecret made it
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}
