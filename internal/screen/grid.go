// SPDX-License-Identifier: Apache-2.0

//go:build unix

package screen

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A grid is the characters that are seen, and a cursor. It obeys what is
// written as an xterm does, as far as the forms need it.
type grid struct {
	width, height int
	cells         [][]rune // 0 is the second half of a wide character
	x, y          int
	full          bool // the cursor is past the last column, so the next character wraps
	savedX        int
	savedY        int

	on      map[string]bool // private modes
	rest    []byte          // the beginning of a sequence
	unknown []string
}

func newGrid(width, height int) *grid {
	g := &grid{width: width, height: height, on: map[string]bool{"25": true}}
	for range height {
		g.cells = append(g.cells, g.blank())
	}
	return g
}

func (g *grid) blank() []rune { return []rune(strings.Repeat(" ", g.width)) }

// String returns the lines, without the spaces at their ends.
func (g *grid) String() string {
	var b strings.Builder
	for _, row := range g.cells {
		line := strings.ReplaceAll(string(row), "\x00", "")
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (g *grid) modes() (left []string) {
	if !g.on["25"] {
		left = append(left, "cursor hidden")
	}
	if g.on["1049"] || g.on["47"] || g.on["1047"] {
		left = append(left, "alternate screen")
	}
	if g.on["2004"] {
		left = append(left, "bracketed paste")
	}
	return left
}

// write obeys a chunk, which may end within a sequence.
func (g *grid) write(chunk []byte) {
	g.rest = append(g.rest, chunk...)
	for len(g.rest) > 0 {
		n := g.obey(g.rest)
		if n == 0 {
			return
		}
		g.rest = g.rest[n:]
	}
}

// obey obeys the first character or sequence, and returns its length; 0 if it
// is not complete.
func (g *grid) obey(b []byte) int {
	switch c := b[0]; {
	case c == 0x1b:
		return g.escape(b)
	case c < ' ' || c == 0x7f:
		g.control(c)
		return 1
	case !utf8.FullRune(b):
		return 0
	}
	r, n := utf8.DecodeRune(b)
	g.put(r)
	return n
}

func (g *grid) control(c byte) {
	switch c {
	case '\r':
		g.x, g.full = 0, false
	case '\n':
		g.down()
	case '\b':
		g.x, g.full = max(g.x-1, 0), false
	case '\t':
		g.x = min((g.x/8+1)*8, g.width-1)
	}
}

func (g *grid) down() {
	g.full = false
	if g.y++; g.y == g.height {
		g.y--
		g.cells = append(g.cells[1:], g.blank())
	}
}

func (g *grid) put(r rune) {
	wide := r >= 0x2e80 && r < 0xfe00 || r >= 0xff00 && r < 0xff61
	if g.full || wide && g.x == g.width-1 {
		g.x = 0
		g.down()
	}
	g.cells[g.y][g.x] = r
	if wide {
		g.x++
		g.cells[g.y][g.x] = 0
	}
	if g.x++; g.x == g.width {
		g.x, g.full = g.width-1, true
	}
}

// escape obeys a sequence.
func (g *grid) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' {
				g.csi(string(b[2:i]), b[i])
				return i + 1
			}
		}
		return 0
	case ']', 'P', '_': // texts for the terminal itself
		for i := 2; i < len(b); i++ {
			if b[i] == 7 {
				return i + 1
			}
			if b[i] == '\\' && b[i-1] == 0x1b {
				return i + 1
			}
		}
		return 0
	case 'M':
		if g.y--; g.y < 0 {
			g.y = 0
			g.cells = append([][]rune{g.blank()}, g.cells[:g.height-1]...)
		}
	case '7':
		g.savedX, g.savedY = g.x, g.y
	case '8':
		g.x, g.y = g.savedX, g.savedY
	case '=', '>':
	default:
		g.unknown = append(g.unknown, string(b[:2]))
	}
	return 2
}

// csi obeys a control sequence.
func (g *grid) csi(params string, final byte) {
	if strings.ContainsAny(params, "?><=$! ") {
		if final == 'h' || final == 'l' {
			for mode := range strings.SplitSeq(strings.TrimPrefix(params, "?"), ";") {
				g.on[mode] = final == 'h'
			}
		}
		return // or a question, or a keyboard's protocol
	}
	var all []int
	for text := range strings.SplitSeq(params, ";") {
		n, _ := strconv.Atoi(text)
		all = append(all, n)
	}
	n := max(all[0], 1)
	g.full = g.full && final == 'm'
	switch final {
	case 'A':
		g.y = max(g.y-n, 0)
	case 'B':
		g.y = min(g.y+n, g.height-1)
	case 'C':
		g.x = min(g.x+n, g.width-1)
	case 'D':
		g.x = max(g.x-n, 0)
	case 'E':
		g.x, g.y = 0, min(g.y+n, g.height-1)
	case 'F':
		g.x, g.y = 0, max(g.y-n, 0)
	case 'G', '`':
		g.x = min(n, g.width) - 1
	case 'd':
		g.y = min(n, g.height) - 1
	case 'H', 'f':
		g.y, g.x = min(n, g.height)-1, 0
		if len(all) > 1 {
			g.x = min(max(all[1], 1), g.width) - 1
		}
	case 'b':
		for r := g.cells[g.y][max(g.x-1, 0)]; n > 0; n-- {
			g.put(r)
		}
	default:
		g.edit(all[0], n, final)
	}
}

// edit obeys a sequence that changes characters.
func (g *grid) edit(param, n int, final byte) {
	row := g.cells[g.y]
	fill := func(from, to int) {
		for ; from < min(to, g.width); from++ {
			row[from] = ' '
		}
	}
	switch final {
	case 'J':
		for y := range g.cells {
			if param == 0 && y > g.y || param == 1 && y < g.y || param == 2 {
				g.cells[y] = g.blank()
			}
		}
		g.edit(param, n, 'K')
	case 'K':
		switch param {
		case 0:
			fill(g.x, g.width)
		case 1:
			fill(0, g.x+1)
		default:
			fill(0, g.width)
		}
	case 'X':
		fill(g.x, g.x+n)
	case 'P':
		n = min(n, g.width-g.x)
		copy(row[g.x:], row[g.x+n:])
		fill(g.width-n, g.width)
	case '@':
		n = min(n, g.width-g.x)
		copy(row[g.x+n:], row[g.x:])
		fill(g.x, g.x+n)
	case 'L':
		for range min(n, g.height-g.y) {
			copy(g.cells[g.y+1:], g.cells[g.y:])
			g.cells[g.y] = g.blank()
		}
	case 'M':
		for range min(n, g.height-g.y) {
			copy(g.cells[g.y:], g.cells[g.y+1:])
			g.cells[g.height-1] = g.blank()
		}
	case 'm', 'c', 'n', 't':
	default:
		g.unknown = append(g.unknown, fmt.Sprintf("CSI %d %c", param, final))
	}
}
