// SPDX-License-Identifier: Apache-2.0

package wire

import "time"

// The limits of version 1, in bytes where nothing else is said. They are part
// of the specification: see docs/protocol.md.
const (
	MaxMessage = 4 << 20  // a request or an answer, as it is encoded
	MaxTypes   = 1000     // types of one program
	MaxSchema  = 1 << 20  // one schema as JSON
	MaxState   = 1 << 20  // the state of a grant or an approval
	MaxHeader  = 64 << 10 // names and values of all headers of a grant or a signature
	MaxQuery   = 64 << 10 // the query of a grant or a signature, as it is encoded
	MaxPath    = 64 << 10 // names and values of all path parameters of a grant
	MaxOrigins = 100      // origins, and statuses, of a grant
	MaxFacts   = 100      // facts of a grant
	MaxURL     = 16 << 10 // the URL of an approval
	maxHeaders = 256      // headers of a grant or a signature
	maxName    = 128      // a program's name and version
	maxAccount = 1 << 10  // a grant's account
	maxFact    = 4 << 10  // a fact's value
	maxCode    = 64       // an approval's user code
	maxValues  = 200      // answers, and values for release
	maxFault   = 16 << 10 // why a type is refused
)

// maxIdle is how long a grant's state may be idle.
const maxIdle = 100 * 365 * 24 * time.Hour
