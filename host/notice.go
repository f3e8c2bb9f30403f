// SPDX-License-Identifier: Apache-2.0

package host

import "github.com/credhost/credhost/host/registry"

// A NoticeKind says what a [Notice] is about.
type NoticeKind = registry.NoticeKind

// A Notice says what became of a program in one workspace. It holds no secret.
type Notice = registry.Notice

// The kinds of notices.
const (
	NoticeQuarantined = registry.NoticeQuarantined // it crashed too often, and is not started before Until
	NoticeRecovered   = registry.NoticeRecovered   // it was started again after that
)
