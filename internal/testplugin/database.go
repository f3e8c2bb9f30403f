// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

const (
	databaseUser     = "example"
	databasePassword = "EXAMPLE database/password"
)

var (
	dbHost     = sdk.Field{Name: "host", Title: "Host", Example: "db.example.com"}
	dbPort     = sdk.Field{Name: "port", Title: "Port", Kind: sdk.Number, Default: "6379", Bounds: sdk.Between(1, 65535)}
	dbUser     = sdk.Field{Name: "username", Title: "Username", Default: "default"}
	dbPassword = sdk.Field{Name: "password", Title: "Password", Secret: true, Help: "What ACL SETUSER was given."}
)

// Database is the type database: a Redis, which a driver connects to by itself
// once the credential is released. Its test signs in over tcp:// and asks for
// a sign of life (the Redis serialization protocol, https://redis.io/docs/latest/develop/reference/protocol-spec/).
type Database struct{}

var _ sdk.Tester = Database{}

// Schema implements [sdk.Plugin].
func (Database) Schema() sdk.Schema {
	return sdk.Schema{Name: "database", Title: "Database", Fields: []sdk.Field{dbHost, dbPort, dbUser, dbPassword},
		Origins: []string{"tcp://{host}:{port}"}}
}

func dbAddress(in sdk.Input) string { return net.JoinHostPort(in.Get(dbHost), in.Get(dbPort)) }

// Grant implements [sdk.Plugin]. It carries nothing: what it adds for release
// is the URL that drivers take.
func (Database) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	dsn := url.URL{Scheme: "redis", User: url.UserPassword(in.Get(dbUser), in.Get(dbPassword)), Host: dbAddress(in)}
	return sdk.Grant{Values: sdk.Values{"url": dsn.String()}}, nil
}

// Test implements [sdk.Tester].
func (Database) Test(ctx context.Context, in sdk.Input, _ sdk.Grant) error {
	conn, err := sdk.Dial(ctx, "tcp://"+dbAddress(in))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	r := bufio.NewReader(conn)
	for _, command := range [][]string{{"AUTH", in.Get(dbUser), in.Get(dbPassword)}, {"PING"}} {
		if err := ask(conn, r, command); err != nil {
			return err
		}
	}
	return nil
}

// ask sends a command and reads the first line of its answer.
func ask(w io.Writer, r *bufio.Reader, command []string) error {
	if _, err := io.WriteString(w, resp(command)); err != nil {
		return sdk.Errorf(sdk.Unavailable, "the database hung up").Because(err)
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return sdk.Errorf(sdk.Unavailable, "the database did not answer").Because(err)
	}
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case "+OK", "+PONG":
		return nil
	case "-WRONGPASS", "-NOAUTH":
		return sdk.Errorf(sdk.Denied, "the database does not take the username and password")
	case "-NOPERM":
		return sdk.Errorf(sdk.Forbidden, "the database takes the user, who lacks a permission")
	}
	return sdk.Errorf(sdk.Unavailable, "the database could not answer: check the host and the port")
}

// resp encodes a command: an array of bulk strings.
func resp(command []string) string {
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(command)) + "\r\n")
	for _, s := range command {
		b.WriteString("$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n")
	}
	return b.String()
}

// ServeDatabase stands in for a database on one connection, which it closes.
func ServeDatabase(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	in := false
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		answer := "-ERR unknown command"
		switch name := strings.ToUpper(command[0]); {
		case name == "AUTH" && len(command) == 3:
			in = command[1] == databaseUser && command[2] == databasePassword
			answer = "+OK"
			if !in {
				answer = "-WRONGPASS invalid username-password pair or user is disabled: " + command[2] // Redis does not echo; others do
			}
		case !in:
			answer = "-NOAUTH Authentication required."
		case name == "PING":
			answer = "+PONG"
		}
		if _, err := io.WriteString(conn, answer+"\r\n"); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r, '*')
	if err != nil || n == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	command := make([]string, n)
	for i := range command {
		size, err := readLength(r, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:size])
	}
	return command, nil
}

func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || line[0] != kind {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n < 0 || n > 64<<10 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}
