// SPDX-License-Identifier: Apache-2.0

package host

import "context"

// SourceOf returns what [WithSource] said of a context; the zero Source if it
// said nothing.
func SourceOf(ctx context.Context) Source {
	s, _ := ctx.Value(sourceKey{}).(Source)
	return s
}
