// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"fmt"
	"io"
)

// What may hold a secret prints as an outline, with every verb and in every
// encoding, as the types of package sdk do.

// String says what is set.
func (t TLS) String() string {
	return fmt.Sprintf("tls[authorities:%d certificate:%t minVersion:%#x skipVerify:%t]", len(t.Authorities), t.Certificate != nil, t.MinVersion, t.SkipVerify)
}

// Format prints what is set.
func (t TLS) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText returns what is set.
func (t TLS) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String says what is set, without the proxy's password.
func (c Config) String() string {
	return fmt.Sprintf("egress config[allow:%v allowHTTP:%t routes:%d tls:%d allowSkipVerify:%t proxy:%t]",
		c.Allow, c.AllowHTTP, len(c.Routes), len(c.TLS), c.AllowSkipVerify, c.Proxy != "")
}

// Format prints what is set, without the proxy's password.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText returns what is set, without the proxy's password.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
