// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/tls"
)

// certificate returns the client certificate that the credential's answers
// make, with what references stand for; nil if its type has none, or it is not
// asked.
func (c *credential) certificate(ctx context.Context) (*tls.Certificate, error) {
	s := c.typ.Schema
	if s.ClientCertificate == nil {
		return nil, nil
	}
	in, err := c.input(ctx)
	if err != nil {
		return nil, err
	}
	return s.KeyPair(in.Values())
}
