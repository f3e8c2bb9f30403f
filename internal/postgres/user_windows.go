// SPDX-License-Identifier: Apache-2.0

package postgres

import "os/exec"

// No server is found on Windows, so these are not called there.

func asServerUser(*exec.Cmd) {}

func ownGroup(*exec.Cmd) {}

func giveAway(string) error { return nil }
