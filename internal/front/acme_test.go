// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// needACME is the variable that says that Pebble's modules are there.
const needACME = "CREDHOST_NEED_ACME"

// pebble starts the ACME server of internal/testacme, which looks for challenges
// at two ports, and returns its directory and the file of its authority.
func pebble(t *testing.T, httpPort, tlsPort int) (directory, ca string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "testacme")
	build := exec.Command("go", "build", "-mod=readonly", "-o", program, ".")
	build.Dir, build.Env = "../testacme", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv(needACME) == "" {
			t.Skipf("internal/testacme cannot be built: make tools fetches what it needs\n%s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := names.LocalAddr().(*net.UDPAddr).Port
	names.Close()
	ca = filepath.Join(dir, "ca.pem")
	cmd := exec.Command(program, strconv.Itoa(httpPort), strconv.Itoa(tlsPort), strconv.Itoa(port), ca)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), ca
}

// A certificate is obtained from a real ACME server for the domains that are
// named and for no other, over TLS or over http, and kept where only this user
// reads it.
func TestACME(t *testing.T) {
	s := New(slog.New(slog.DiscardHandler))
	defer s.Shutdown(t.Context())
	var at [2]net.Listener
	for i := range at {
		all, err := Listen(Address{"tcp", "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		at[i] = all[0]
	}
	clear, secure := at[0].Addr().(*net.TCPAddr), at[1].Addr().(*net.TCPAddr)
	directory, ca := pebble(t, clear.Port, secure.Port)
	cache := filepath.Join(t.TempDir(), "acme")
	m, err := ACME{Domains: []string{"credhost.example"}, Directory: directory, Authorities: ca, Cache: cache}.Manager()
	if err != nil {
		t.Fatal(err)
	}
	files, err := ReadCertificates("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	s.Serve(at[0], nil, m.HTTPHandler(Redirect("https://credhost.example")))
	s.Serve(at[1], files.TLS(m.GetCertificate), s.Receive(func() Rules { return Rules{Names: NewNames("credhost.example")} }, hello))
	dial := func(name string) (*tls.Conn, error) {
		return tls.Dial("tcp", secure.String(), &tls.Config{ServerName: name, InsecureSkipVerify: true}) // who signed it is looked at below
	}
	c, err := dial("credhost.example")
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.ConnectionState().PeerCertificates[0]
	c.Close()
	if !strings.HasPrefix(leaf.Issuer.CommonName, "Pebble Intermediate CA") || leaf.VerifyHostname("credhost.example") != nil {
		t.Errorf("it is shown a certificate of %s for %v", leaf.Issuer, leaf.DNSNames)
	}
	if c, err := dial("other.example"); err == nil {
		c.Close()
		t.Error("a certificate was obtained for a domain that nobody named")
	}
	info, err := os.Stat(cache)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache is %v, %v", info, err)
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) < 2 { // the account's key, and the certificate with its
		t.Errorf("the cache holds %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v", e.Name(), info.Mode(), err)
		}
	}
}
