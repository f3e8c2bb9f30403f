// SPDX-License-Identifier: Apache-2.0

// Command testacme is Pebble, the ACME server that Let's Encrypt tests clients
// with (https://github.com/letsencrypt/pebble), with names that all lead to
// this machine: a module apart, so that its graph stays out of the product's.
//
//	testacme HTTP-PORT TLS-PORT DNS-PORT FILE
//
// It looks for challenges at the first two ports, resolves names at the third,
// and writes the authority of its directory's certificate to the file. Then it
// prints the URL of the directory, and serves until its input ends.
package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strconv"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testacme:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("needs HTTP-PORT, TLS-PORT, DNS-PORT and FILE")
	}
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = strconv.Atoi(args[i]); err != nil {
			return err
		}
	}
	quiet := log.New(io.Discard, "", 0)
	resolver := fmt.Sprintf("127.0.0.1:%d", ports[2])
	names, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{resolver}, Log: quiet})
	if err != nil {
		return err
	}
	names.SetDefaultDNSIPv4("127.0.0.1")
	names.SetDefaultDNSIPv6("")
	go names.Run()

	os.Setenv("PEBBLE_VA_NOSLEEP", "1")
	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the one there is"}})
	validator := va.New(quiet, ports[0], ports[1], false, resolver, store)
	front := wfe.New(quiet, store, validator, authority, []string{"pebble.letsencrypt.org"}, false, false, 1, 1)
	srv := httptest.NewTLSServer(front.Handler())
	defer srv.Close()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(args[3], text, 0o600); err != nil {
		return err
	}
	fmt.Println(srv.URL + wfe.DirectoryPath)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
