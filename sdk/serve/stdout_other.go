// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package serve

import "os"

// takeStdout returns standard output. What prints through package os prints to
// standard error from now on; what does not, prints here still.
func takeStdout() *os.File { return os.Stdout }

func stdin() *os.File { return os.Stdin }
