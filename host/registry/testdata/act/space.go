// SPDX-License-Identifier: Apache-2.0

package act

// room is how much of space is for the JSON.
const room = 1024

// space begins with a mark by which a test finds it.
var space = "#CREDHOST-TEST#" +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                " +
	"                                                                "
