// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// An authority issues certificates to the services of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// trusted is the authority that the worlds' hosts trust. The other is anybody's.
var trusted, anybodys = sync.OnceValue(newAuthority), sync.OnceValue(newAuthority)

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &authority{cert, key}
}

// issue returns a certificate for a name, until some time from now.
func (a *authority) issue(t *testing.T, name string, until time.Duration, weak bool) tls.Certificate {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private := any(&own.PublicKey), any(own)
	if weak {
		old, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		public, private = &old.PublicKey, old
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(until), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// identity returns answers with a client certificate.
func identity(t *testing.T) sdk.Values {
	t.Helper()
	c := anybodys().issue(t, "client", time.Hour, false)
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.Values{
		"certificate":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		"certificateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
}

// serveTLS has a handler answer for an origin with a certificate of its own.
func (w *world) serveTLS(origin string, config *tls.Config, h http.Handler) {
	s := httptest.NewUnstartedServer(w.watch(origin, h))
	s.TLS = config
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	w.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	w.routes[origin] = s.Listener.Addr().String()
	w.trust()
}

// trust has the world's host trust the authority.
func (w *world) trust() {
	w.change = func(cfg *host.Config) {
		cfg.Egress.RootCAs = x509.NewCertPool()
		cfg.Egress.RootCAs.AddCert(trusted().cert)
	}
}

// posing has somebody pose as the service, and reports whether they were shown
// the secret. Config returns their TLS; where it is allowed, easily is asked.
func posing(says string, config, easily func(t *testing.T) *tls.Config) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		c := config
		if w.easy && easily != nil {
			c = easily
		}
		w.serveTLS(api, c(w.t), http.NotFoundHandler())
		_, _, err := w.get(w.create("key", nil), api+"/things")
		return w.got(api, canary), err
	}}
}

func with(certificate func(t *testing.T) tls.Certificate, change func(*tls.Config)) func(t *testing.T) *tls.Config {
	return func(t *testing.T) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
		if change != nil {
			change(c)
		}
		return c
	}
}

func good(t *testing.T) tls.Certificate {
	return trusted().issue(t, "api.good.example", time.Hour, false)
}
func weak(t *testing.T) tls.Certificate {
	return trusted().issue(t, "api.good.example", time.Hour, true)
}

var handshakes = attempts{
	"a certificate that has expired": posing("not valid for it", with(func(t *testing.T) tls.Certificate {
		return trusted().issue(t, "api.good.example", -time.Minute, false)
	}, nil), nil),
	"a certificate of another name": posing("not valid for it", with(func(t *testing.T) tls.Certificate {
		return trusted().issue(t, "api.evil.example", time.Hour, false)
	}, nil), nil),
	"a certificate for the domain above": posing("not valid for it", with(func(t *testing.T) tls.Certificate {
		return trusted().issue(t, "*.example", time.Hour, false)
	}, nil), nil),
	"a certificate of nobody's": posing("authority that is not trusted", with(func(t *testing.T) tls.Certificate {
		return anybodys().issue(t, "api.good.example", time.Hour, false)
	}, nil), nil),
	"TLS as of twenty years ago": posing("could not be reached",
		with(good, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), with(good, nil)),
	"a cipher that is broken": posing("could not be reached",
		with(weak, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
		}), with(weak, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })),
	"no TLS at all": {
		says: "could not be reached",
		run: func(w *world) (bool, error) {
			w.alone()
			w.serve(api, http.NotFoundHandler())
			if !w.easy {
				w.routes[api] = strings.TrimPrefix(w.routes[api], "http://") // connected to in the origin's place, with its TLS
			}
			_, _, err := w.get(w.create("key", nil), api+"/things")
			return w.got(api, canary), err
		},
	},
	"a question for a certificate": {
		says: "wants a client certificate",
		run: func(w *world) (bool, error) {
			w.serveTLS(api, with(good, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })(w.t), http.NotFoundHandler())
			more := sdk.Values{}
			if w.easy {
				more = identity(w.t)
			}
			typ := map[bool]string{true: "certified", false: "key"}[w.easy]
			_, _, err := w.get(w.create(typ, more), api+"/things")
			return w.got(api, canary), err
		},
	},
	"a handshake that never ends": {
		says: "did not answer in time",
		run: func(w *world) (bool, error) {
			w.alone()
			w.listen(api, func(conn net.Conn) { io.Copy(io.Discard, conn) })
			w.routes[api] = strings.TrimPrefix(w.routes[api], "http://")
			w.change = func(cfg *host.Config) { cfg.Egress.TLSTimeout = 200 * time.Millisecond }
			return w.hangs()
		},
	},
	"headers without end in HTTP/2": {
		says: "could not be reached",
		run: func(w *world) (bool, error) {
			w.serveTLS(api, with(good, nil)(w.t), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				for n := range 2000 {
					rw.Header().Set(fmt.Sprintf("X-H%d", n), strings.Repeat("x", 1000))
				}
				fmt.Fprint(rw, "yes")
			}))
			_, body, err := w.get(w.create("key", nil), api+"/things")
			return body == "yes", err
		},
	},
	"pings without end": flooded(func(f *http2.Framer, n uint64) error {
		return f.WritePing(false, [8]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	}),
	"settings without end": flooded(func(f *http2.Framer, n uint64) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535 + uint32(n%2)})
	}),
	"continuations without end": {
		says: "could not be reached",
		run: func(w *world) (bool, error) {
			w.frames(func(f *http2.Framer, stream uint32) error {
				block := bytes.Repeat([]byte("\x00\x01x\x0a0123456789"), 10) // headers as HPACK has them, that are not kept
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: append([]byte{0x88}, block...)}); err != nil {
					return err
				}
				for n := 1; ; n++ {
					end := w.easy && n == 3
					if err := f.WriteContinuation(stream, end, block); err != nil {
						return err
					}
					if end {
						return f.WriteData(stream, true, []byte("yes"))
					}
				}
			})
			_, body, err := w.get(w.create("key", nil), api+"/things")
			return body == "yes" || errors.Is(err, context.DeadlineExceeded), err
		},
	},
}

// flooded has a service send frames without end, and read nothing, in the place
// of an answer.
func flooded(frame func(f *http2.Framer, n uint64) error) attempt {
	return attempt{says: "did not answer in time", run: func(w *world) (bool, error) {
		w.frames(func(f *http2.Framer, _ uint32) error {
			for n := uint64(0); ; n++ {
				if err := frame(f, n); err != nil {
					return err
				}
			}
		})
		w.change = func(trust func(*host.Config)) func(*host.Config) {
			return func(cfg *host.Config) {
				trust(cfg)
				cfg.Egress.ResponseHeaderTimeout = 200 * time.Millisecond
			}
		}(w.change)
		return w.hangs()
	}}
}

// frames has f speak HTTP/2 for api, once a request has come.
func (w *world) frames(f func(f *http2.Framer, stream uint32) error) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{good(w.t)}, NextProtos: []string{"h2"}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
				framer := http2.NewFramer(conn, conn)
				framer.WriteSettings()
				for {
					frame, err := framer.ReadFrame()
					if err != nil {
						return
					}
					if h, ok := frame.(*http2.HeadersFrame); ok {
						f(framer, h.StreamID)
						return
					}
				}
			}()
		}
	}()
	w.routes[api] = l.Addr().String()
	w.trust()
}

// led has a name lead to this machine, and reports whether the secret arrives
// there.
func led(says, name string, lookup nameserver.Lookup) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		inside := httptest.NewServer(w.watch("inside", http.NotFoundHandler()))
		w.t.Cleanup(inside.Close)
		_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
		resolver := nameserver.Resolver(w.t, lookup)
		w.change = func(cfg *host.Config) {
			cfg.Egress.Resolver, cfg.Egress.AllowHTTP, cfg.Egress.DialTimeout = resolver, true, 5*time.Second
		}
		at := "http://" + name + ":" + port
		id, err := w.acme().Create(w.ctx, "key", sdk.Values{"baseUrl": at, "secret": canary})
		if err == nil {
			w.get(id, at+"/things")
			_, _, err = w.get(id, at+"/things")
		}
		return w.got("inside", canary), err
	}}
}

var addresses = attempts{
	"a name that leads inside": led("private or special address", "inside.good.example", func(string, int) []string { return []string{"127.0.0.1"} }),
	"a name that changes its mind": led("private or special address", "rebound.good.example", func(_ string, n int) []string {
		if n == 1 {
			return []string{"192.0.2.1"} // which nobody answers at
		}
		return []string{"127.0.0.1"}
	}),
	"an address of this machine":     led("private or special address", "127.0.0.1", nil),
	"an address in another notation": led("private or special address", "[::ffff:127.0.0.1]", nil),
	"the address of a cloud's secrets": {
		says: "private or special address",
		run: func(w *world) (bool, error) {
			w.change = func(cfg *host.Config) {
				cfg.Egress.AllowHTTP, cfg.Egress.Allow = true, []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}
			}
			_, err := w.acme().Create(w.ctx, "key", w.answers(sdk.Values{"baseUrl": "http://169.254.169.254"}))
			return err == nil, err
		},
	},
	"plain HTTP": {
		says: "is not encrypted",
		run: func(w *world) (bool, error) {
			_, err := w.acme().Create(w.ctx, "key", w.answers(sdk.Values{"baseUrl": "http://api.good.example"}))
			return err == nil, err
		},
	},
}
