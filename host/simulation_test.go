// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// The simulation runs whole hosts against a store, a plugin and an identity
// provider that fail in every way that the protocol of renewal is for, in
// simulated time, one step at a time. A seed decides which step comes next and
// what goes wrong, so that it tells the same history each time; but for a few,
// in which two things become possible at one instant and Go's select chooses.
//
//	go test ./host -run Simulation -histories 1000000       the long mode
//	go test ./host -run Simulation -seed 4711 -v            one history, told
var (
	histories = flag.Int("histories", 0, "how many histories to simulate; 0: a few, or $CREDHOST_HISTORIES")
	oneSeed   = flag.Uint64("seed", 0, "simulate only this history, and tell it")
)

// howMany returns how many histories to simulate.
func howMany(few int) int {
	if *histories > 0 {
		return *histories
	}
	if n, err := strconv.Atoi(os.Getenv("CREDHOST_HISTORIES")); err == nil && n > 0 {
		return n
	}
	return few
}

// The faults that a simulation may have planted in the protocol.
const (
	noFencing    = "no fencing"
	noReread     = "no re-read"
	earlyPublish = "publish before commit"
	noCompare    = "lock without compare"
	retryPost    = "retry of a POST"
)

// TestSimulation demands of every history that no refresh token is spent
// twice, that none is lost unless the answer was, that every caller is
// answered, and that no grant is older than the store's.
func TestSimulation(t *testing.T) {
	if *oneSeed != 0 {
		s := simulate(t, *oneSeed, "")
		t.Logf("%s\nfound: %v", strings.Join(s.told, "\n"), s.wrong)
		if s.wrong != nil {
			t.Fail()
		}
		return
	}
	n := howMany(600)
	var sum totals
	found := survey(t, n, "", &sum)
	for _, s := range found {
		t.Errorf("seed %d: %v\n%s", s.seed, s.wrong, strings.Join(s.told, "\n"))
	}
	t.Logf("%d histories: %s", n, &sum)
	if n >= 500 {
		sum.expect(t)
	}
}

// TestSimulationFindsFaults plants faults in the protocol, and demands that the
// simulation finds each.
func TestSimulationFindsFaults(t *testing.T) {
	for fault, wants := range map[string]string{
		noFencing: "twice", noReread: "twice", earlyPublish: "not stored", noCompare: "", retryPost: "twice",
	} {
		t.Run(fault, func(t *testing.T) {
			for from := uint64(1); from < 20_000; from += 500 {
				for _, s := range surveyFrom(t, from, 500, fault, new(totals)) {
					if text := s.wrong.Error(); strings.Contains(text, wants) {
						t.Logf("found by seed %d: %s", s.seed, text)
						return
					}
				}
			}
			t.Errorf("20,000 histories do not show the fault")
		})
	}
}

// TestSimulationTellsTheSame runs histories twice. In a few, two things become
// possible at one instant, and Go's select chooses.
func TestSimulationTellsTheSame(t *testing.T) {
	other := 0
	for seed := uint64(1); seed <= 100; seed++ {
		if !slices.Equal(simulate(t, seed, "").told, simulate(t, seed, "").told) {
			other++
		}
	}
	if other > 10 {
		t.Errorf("%d of 100 seeds tell two histories", other)
	}
}

// totals count what happened in many histories, to show that it did.
type totals struct {
	renewals, crashes, deaths, lostAnswers, resumed, rescued, reconnects, downs, answered, steps atomic.Int64
}

func (s *totals) String() string {
	return fmt.Sprintf("%d steps, %d callers answered, %d rotations, %d hosts and %d plugins died, %d answers lost, %d attempts gone on with, %d grants saved late, the store was down %d times, people connected %d times",
		s.steps.Load(), s.answered.Load(), s.renewals.Load(), s.crashes.Load(), s.deaths.Load(), s.lostAnswers.Load(), s.resumed.Load(), s.rescued.Load(), s.downs.Load(), s.reconnects.Load())
}

func (s *totals) expect(t *testing.T) {
	for what, n := range map[string]int64{
		"rotations": s.renewals.Load(), "dead hosts": s.crashes.Load(), "dead plugins": s.deaths.Load(), "lost answers": s.lostAnswers.Load(),
		"attempts gone on with": s.resumed.Load(), "grants saved late": s.rescued.Load(), "times that the store was down": s.downs.Load(), "reconnects": s.reconnects.Load(),
	} {
		if n == 0 {
			t.Errorf("there were no %s: the histories prove nothing about them", what)
		}
	}
}

// survey simulates n histories and returns those in which something is wrong.
func survey(t *testing.T, n int, fault string, sum *totals) []*sim {
	return surveyFrom(t, 1, n, fault, sum)
}

func surveyFrom(t *testing.T, from uint64, n int, fault string, sum *totals) (found []*sim) {
	var mu sync.Mutex
	var next atomic.Uint64
	next.Store(from)
	t.Run("histories", func(t *testing.T) {
		for worker := range 4 {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for {
					seed := next.Add(1) - 1
					mu.Lock()
					enough := len(found) >= 3
					mu.Unlock()
					if seed >= from+uint64(n) || enough {
						return
					}
					s := simulate(t, seed, fault)
					s.count(sum)
					if s.wrong != nil {
						mu.Lock()
						found = append(found, s)
						mu.Unlock()
					}
				}
			})
		}
	})
	return found
}

// A sim is one history.
type sim struct {
	seed  uint64
	fault string
	rng   *rand.Rand
	start time.Time

	mu      sync.Mutex
	pending []*step1
	told    []string
	ordered int // how many lines of told are in order
	wrong   error

	store *simStore
	idp   *idp
	nodes []*node
	id    string

	open    int  // callers that wait
	over    bool // a person must connect, as the last caller was told
	downed  atomic.Bool
	totals  totals
	commits []commit1
}

// A commit1 is a grant that the store has.
type commit1 struct {
	at     time.Time
	serial uint64
	token  string
}

// A step1 is something that is about to happen.
type step1 struct {
	name string
	at   time.Time // since when
	node *node
	run  chan bool // false: the node is dead
}

// A node is a host, and the machine that it runs on.
type node struct {
	s     *sim
	name  string
	skew  time.Duration
	h     *Host
	dead  bool
	calls int

	callers context.Context
	stop    context.CancelFunc // of callers
	known   []string           // refresh tokens that arrived here
}

const simType = "sim"

func simulate(t *testing.T, seed uint64, fault string) *sim {
	s := &sim{seed: seed, fault: fault, rng: rand.New(rand.NewPCG(seed, 11))}
	synctest.Test(t, func(*testing.T) { s.run() })
	return s
}

func (s *sim) count(sum *totals) {
	for _, pair := range [][2]*atomic.Int64{
		{&sum.renewals, &s.totals.renewals}, {&sum.crashes, &s.totals.crashes}, {&sum.deaths, &s.totals.deaths}, {&sum.lostAnswers, &s.totals.lostAnswers},
		{&sum.resumed, &s.totals.resumed}, {&sum.rescued, &s.totals.rescued}, {&sum.reconnects, &s.totals.reconnects}, {&sum.downs, &s.totals.downs},
		{&sum.answered, &s.totals.answered}, {&sum.steps, &s.totals.steps},
	} {
		pair[0].Add(pair[1].Load())
	}
}

// run tells the history.
func (s *sim) run() {
	s.start = time.Now()
	s.idp = &idp{s: s, spent: map[string]int{}, access: map[string]time.Time{}, family: map[string]int{}, current: map[int]string{},
		codes: map[string]bool{}, excused: map[string]bool{}}
	s.store = newSimStore(s)
	for i := range 2 + s.intn(2) {
		n := &node{s: s, name: fmt.Sprintf("host%d", i+1), skew: time.Duration(s.intn(20)-10) * time.Second}
		s.nodes = append(s.nodes, n)
	}
	s.prepare()
	for _, n := range s.nodes {
		n.begin()
	}
	for range 80 + s.intn(80) {
		s.wait()
		s.next()
	}
	s.settle()
	s.check()
	for _, n := range s.nodes {
		n.kill()
	}
	synctest.Wait()
}

// next lets one thing happen.
func (s *sim) next() {
	s.totals.steps.Add(1)
	s.mu.Lock()
	waiting, over, wrong := len(s.pending), s.over, s.wrong
	s.mu.Unlock()
	if wrong != nil {
		return
	}
	switch p := s.intn(100); {
	case p < 2:
		s.crash(s.nodes[s.intn(len(s.nodes))])
	case p < 3 && !s.downed.Load():
		s.totals.downs.Add(1)
		s.downed.Store(true)
		s.tell("the store goes down")
	case p < 10 && s.downed.Load():
		s.downed.Store(false)
		s.tell("the store is back")
	case p < 25:
		s.call(s.nodes[s.intn(len(s.nodes))])
	case p < 26, p < 45 && over:
		s.reconnect(s.nodes[s.intn(len(s.nodes))])
	case waiting > 0 && p < 85:
		s.release(s.intn(waiting))
	default:
		d := []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}[s.intn(6)]
		if s.intn(20) == 0 {
			d = leaseTime + time.Second
		}
		s.pass(d)
	}
}

// pass lets about d pass. Never exactly: at one instant with a host's own
// clock it would not be decided which comes first.
func (s *sim) pass(d time.Duration) {
	time.Sleep(d + time.Duration(1+s.intn(999_983))*time.Nanosecond)
}

// settle lets everything come to its end, without further mishaps.
func (s *sim) settle() {
	s.downed.Store(false)
	s.idp.kind.Store(true)
	for _, n := range s.nodes {
		if n.dead {
			n.begin()
		}
	}
	quiet := 0 // what goes on for nobody in particular gets its time, too
	for range 20_000 {
		s.wait()
		s.mu.Lock()
		waiting, open := len(s.pending), s.open
		s.mu.Unlock()
		switch {
		case waiting > 0:
			s.release(0)
		case open == 0 && quiet == 4:
			return
		case open == 0:
			quiet++
			s.pass(8 * time.Second)
		default:
			s.pass(time.Second)
		}
		if time.Since(s.start) > 2*time.Hour {
			break
		}
	}
}

func (s *sim) release(i int) {
	s.mu.Lock()
	p := s.pending[i]
	s.pending = slices.Delete(s.pending, i, i+1)
	s.mu.Unlock()
	s.tell(p.name)
	p.run <- true
}

// intn draws a number below n.
func (s *sim) intn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// tell adds a line to the history.
func (s *sim) tell(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, fmt.Sprintf("%8.2fs  %s", time.Since(s.start).Seconds(), line))
}

// wait waits until nothing goes on. What several callers were told at once has
// no order of its own.
func (s *sim) wait() {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.told[s.ordered:]
	for i := 0; i < len(lines); {
		j := i
		for j < len(lines) && strings.Contains(lines[j], "s  caller") {
			j++
		}
		slices.Sort(lines[i:j])
		i = max(j, i+1)
	}
	s.ordered = len(s.told)
	slices.SortFunc(s.pending, func(a, b *step1) int { return cmp.Or(strings.Compare(a.name, b.name), a.at.Compare(b.at)) })
}

// fail notes the first thing that is wrong.
func (s *sim) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong == nil {
		s.wrong = fmt.Errorf(format, args...)
	}
}

// step waits until it is n's turn to do what name says. On a dead node
// nothing happens any more, and the goroutine ends.
func (n *node) step(ctx context.Context, name string) {
	who, _ := ctx.Value(whoKey{}).(string)
	p := &step1{name: n.name + " " + who + ": " + name, at: time.Now(), node: n, run: make(chan bool, 1)}
	n.s.mu.Lock()
	if n.dead {
		n.s.mu.Unlock()
		goexit()
	}
	n.s.pending = append(n.s.pending, p)
	n.s.mu.Unlock()
	if !<-p.run {
		goexit()
	}
}

type whoKey struct{}

func (s *sim) crash(n *node) {
	if n.dead {
		n.begin()
		return
	}
	s.totals.crashes.Add(1)
	s.tell(n.name + " dies")
	n.kill()
}

// kill ends everything on the node, wherever it is.
func (n *node) kill() {
	n.s.mu.Lock()
	if n.dead {
		n.s.mu.Unlock()
		return
	}
	n.dead = true
	n.s.pending = slices.DeleteFunc(n.s.pending, func(p *step1) bool {
		if p.node == n {
			p.run <- false
		}
		return p.node == n
	})
	n.s.open -= n.calls
	n.calls = 0
	known := n.known
	n.s.mu.Unlock()
	n.s.died(known)
	n.stop()
	n.h.stop()
	synctest.Wait()
}

// died excuses the refresh tokens that only a dead host knew.
func (s *sim) died(known []string) {
	c, noted := s.store.content(s.id)
	s.idp.mu.Lock()
	defer s.idp.mu.Unlock()
	for _, token := range known {
		if token != "" && string(c.State) != token && noted != token {
			s.idp.excuse(token)
		}
	}
}

// begin starts a host on the node.
func (n *node) begin() {
	fresh := &node{s: n.s, name: n.name, skew: n.skew}
	if n.h != nil {
		n.s.tell(n.name + " begins again")
	}
	n.s.nodes[slices.Index(n.s.nodes, n)] = fresh
	fresh.open()
}

// open makes the host itself, with nothing real around it.
func (n *node) open() {
	n.h = newHost(Config{Store: n.s.store.seenBy(n), Sealer: plainSealer{}, Logger: slog.New(logWatch{n.s}),
		Now: func() time.Time { return time.Now().Add(n.skew) }})
	n.h.plugins, n.h.out, n.h.guard = simPlugins{n}, network{n}, simGuard
	n.h.chance = func(below time.Duration) time.Duration { return below / 2 }
	n.s.store.mu.Lock()
	since := uint64(len(n.s.store.changes))
	n.s.store.mu.Unlock()
	n.h.seen.Store(n.h.now().UnixNano())
	ctx := context.Background()
	switch n.s.fault {
	case noReread:
		ctx = defence.Without(ctx, defence.Reread)
	case earlyPublish:
		ctx = defence.Without(ctx, defence.Committed)
	}
	n.h.start(ctx, since)
	var callers context.Context
	callers, n.stop = context.WithCancel(ctx)
	n.callers = callers
}

var simGuard = egress.New(egress.Config{})

// prepare makes a credential that is connected.
func (s *sim) prepare() {
	n := &node{s: s, name: "setup"}
	s.store.easy = true
	n.open()
	ctx := context.Background()
	w := n.h.Workspace("acme")
	id, err := w.Create(ctx, simType, nil)
	if err != nil {
		panic(err)
	}
	s.id = id
	state := s.idp.approve()
	if _, err := w.edit(ctx, id, func(_ context.Context, c *credential) error {
		return c.take(s.grantOf(n, state), newIntent(nil, keepCallback(sdk.Callback{})))
	}); err != nil {
		panic(err)
	}
	n.h.stop()
	n.stop()
	synctest.Wait()
	s.store.easy = false
}

// call has somebody use the credential on a node.
func (s *sim) call(n *node) {
	if n.dead {
		return
	}
	s.mu.Lock()
	s.open++
	n.calls++
	number := len(s.told)
	s.mu.Unlock()
	who := fmt.Sprintf("caller%d", number)
	s.tell(n.name + " " + who + " comes")
	ctx := context.WithValue(n.callers, whoKey{}, who)
	refuse := s.intn(8) == 0
	go func() {
		before := s.newest()
		w := n.h.Workspace("acme")
		e, l, err := w.grant(ctx, s.id)
		if l != nil && refuse && !s.idp.takes(l.Header.Get("Authorization")) {
			if better, err := e.fetch(ctx, need{old: l, refusal: &sdk.Refusal{Status: 401}}); err == nil {
				l = better
			}
		}
		s.mu.Lock()
		dead := n.dead
		if !dead {
			s.open--
			n.calls--
		}
		s.mu.Unlock()
		if dead {
			return
		}
		s.totals.answered.Add(1)
		s.served(who, l, err, before)
	}()
}

// newest returns the newest grant that has been in the store for long enough
// for every host to know, or else to have stopped serving.
func (s *sim) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.commits) {
		if time.Since(c.at) > blind+15*time.Second {
			return c.serial
		}
	}
	return 0
}

// served checks what a caller got.
func (s *sim) served(who string, l *live, err error, known uint64) {
	s.mu.Lock()
	s.over = errors.Is(err, sdk.Denied)
	s.mu.Unlock()
	if err != nil {
		var said *sdk.Error
		if !errors.As(err, &said) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) &&
			!errors.Is(err, errStoreDown) && !errors.Is(err, errClosed) && !errors.Is(err, ErrConflict) {
			s.fail("%s got an error that nobody can act on: %v", who, err)
		}
		s.tell(who + " gets an error: " + strings.ReplaceAll(err.Error(), s.id, "it"))
		return
	}
	token := l.Header.Get("Authorization")
	s.tell(who + " gets " + token)
	s.mu.Lock()
	stored := slices.ContainsFunc(s.commits, func(c commit1) bool { return c.token == token })
	s.mu.Unlock()
	if !stored {
		s.fail("%s got the grant %s, which is not stored", who, token)
	}
	if l.serial < known {
		s.fail("%s got the grant %d, and the store has had %d for long", who, l.serial, known)
	}
}

// reconnect has a person connect the credential again.
func (s *sim) reconnect(n *node) {
	if n.dead {
		return
	}
	s.mu.Lock()
	s.open++
	n.calls++
	number := len(s.told)
	s.mu.Unlock()
	who := fmt.Sprintf("person%d", number)
	code := s.idp.code()
	s.tell(n.name + " " + who + " connects with " + code)
	s.totals.reconnects.Add(1)
	ctx := context.WithValue(n.callers, whoKey{}, who)
	go func() {
		w := n.h.Workspace("acme")
		_, err := w.edit(ctx, s.id, func(ctx context.Context, c *credential) error {
			in := newIntent(nil, keepCallback(sdk.Callback{Query: map[string][]string{"code": {code}}}))
			g, err := c.attempt(ctx, in)
			if err != nil {
				return err
			}
			return c.take(g, in)
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		if !n.dead {
			s.open--
			n.calls--
			s.told = append(s.told, fmt.Sprintf("          %s has connected: %s", who, strings.ReplaceAll(fmt.Sprint(err), s.id, "it")))
		}
	}()
}

// check looks at the end of the history.
func (s *sim) check() {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	if open > 0 {
		s.fail("%d callers wait to this day", open)
	}
	s.idp.mu.Lock()
	defer s.idp.mu.Unlock()
	for token, times := range s.idp.spent {
		if times > 1 {
			s.fail("the refresh token %s was spent twice", token)
		}
	}
	c, noted := s.store.content(s.id)
	token := string(c.State)
	if newest := s.idp.current[s.idp.family[token]]; token != newest && !s.idp.excused[newest] && noted != newest {
		s.fail("the refresh token %s is lost: the store has %s", newest, token)
	}
}

// plainSealer seals nothing, but insists on the associated data.
type plainSealer struct{}

func (plainSealer) Seal(_ context.Context, plain, associated []byte) ([]byte, error) {
	return append(sum(associated), plain...), nil
}

func (plainSealer) Open(_ context.Context, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < 8 || !bytes.Equal(sealed[:8], sum(associated)) {
		return nil, errors.New("sealed for another record")
	}
	return bytes.Clone(sealed[8:]), nil
}

func sum(b []byte) []byte {
	h := fnv.New64a()
	h.Write(b)
	return binary.BigEndian.AppendUint64(nil, h.Sum64())
}

// logWatch counts what hosts say that they do.
type logWatch struct{ s *sim }

func (l logWatch) Enabled(context.Context, slog.Level) bool { return true }
func (l logWatch) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logWatch) WithGroup(string) slog.Handler            { return l }
func (l logWatch) Handle(_ context.Context, r slog.Record) error {
	switch {
	case strings.HasPrefix(r.Message, "going on with"):
		l.s.totals.resumed.Add(1)
	case strings.HasPrefix(r.Message, "saving a grant again"):
		l.s.totals.rescued.Add(1)
	}
	return nil
}

// decode parses what plainSealer sealed.
func decode(sealed []byte, v any) {
	if len(sealed) > 8 {
		json.Unmarshal(sealed[8:], v)
	}
}
