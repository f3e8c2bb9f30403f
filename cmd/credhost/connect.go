// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

// callbackPort is where people come back to unless --port says otherwise. It
// is fixed, because the redirect URL must be registered at the service.
const callbackPort = 8687

func callbackURL(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/callback", port) }

// A waiting is what "connect --json" prints first: where the person must go.
type waiting struct {
	URL         string    `json:"url"`
	Elsewhere   string    `json:"elsewhereUrl,omitempty"` // for a browser on another machine, with --no-browser
	UserCode    string    `json:"userCode,omitempty"`
	RedirectURL string    `json:"redirectUrl,omitempty"`
	Expiry      time.Time `json:"expiry"`
}

func (p *program) connectCommand() *cobra.Command {
	var port int
	var noBrowser bool
	c := &cobra.Command{
		Use:     "connect ID",
		GroupID: "credentials",
		Short:   "have a person approve access in the browser",
		Long: fmt.Sprintf(`Have a person approve access in the browser. credhost waits on this machine for
the browser to come back, at a redirect URL that must be registered at the
service before:

  %s/WORKSPACE/TYPE

"credhost show ID" prints it in full. --port changes the port in it; services
that take any port of 127.0.0.1 (RFC 8252) can do with --port 0.

With --no-browser no browser is opened. One on another machine will do, too, as
over SSH: it ends at an address that it cannot show, which is pasted here.`, callbackURL(callbackPort)),
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			l, err := listen(port)
			if err != nil {
				return err
			}
			defer l.Close()
			o, err := p.openWith(c.Context(), existing, host.Config{CallbackURL: callbackURL(l.Addr().(*net.TCPAddr).Port)}, nil)
			if err != nil {
				return err
			}
			defer o.Close()
			return p.connect(c.Context(), o, args[0], l, !noBrowser)
		},
	}
	c.Flags().IntVar(&port, "port", callbackPort, "`port` to come back to; 0: any that is free")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print where to go, and open no browser")
	return c
}

// listen waits for browsers, on this machine alone. 127.0.0.1 is no name that
// somebody could lead elsewhere (RFC 8252, section 8.3).
func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &failure{code: codeSetup, err: err, text: fmt.Sprintf("port %d is taken by another program, perhaps by another credhost connect", port),
			next: "end that, or choose another with --port, and register that redirect URL, too"}
	}
	if err != nil {
		return nil, &failure{code: codeSetup, err: err, text: fmt.Sprintf("port %d cannot be used here: %v", port, errors.Unwrap(err)),
			next: "choose another with --port, and register that redirect URL, too"}
	}
	return l, nil
}

// connect sends a person to the service, and waits for the answer.
func (p *program) connect(ctx context.Context, o *opened, id string, l net.Listener, browse bool) error {
	view, err := o.ws.Show(ctx, id)
	if err != nil {
		return err
	}
	who := actor()
	flow, err := o.ws.Connect(ctx, id, who)
	if err != nil {
		return err
	}
	w := waiting{URL: flow.URL, UserCode: flow.UserCode, Expiry: flow.Expiry}
	v := newVisit(o.ws, flow, who, l.Addr().String())
	v.say = p.note
	if flow.UserCode == "" {
		w.URL, w.RedirectURL = v.startURL(), o.ws.RedirectURL(view.Type)
		if !browse {
			w.Elsewhere = flow.URL
		}
	}
	if err := p.announce(w, time.Until(flow.Expiry)); err != nil {
		return err
	}
	if browse {
		if err := openBrowser(ctx, w.URL); err != nil {
			p.note("no browser can be opened here: open the address yourself, or run credhost connect --no-browser if yours is on another machine")
		}
	}
	done, err := p.await(ctx, o.ws, flow, who, v, l, w)
	if err != nil {
		return err
	}
	p.caution(done)
	return p.print(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s is connected%s\n", done.ID, visible(whose(done)))
		if r := done.Replaced; r != nil && !r.Kept {
			fmt.Fprintln(w, "the grant before is revoked")
		}
	})
}

// await waits until the visit has ended, one way or the other. When it is
// given up, nobody can finish it any more.
func (p *program) await(ctx context.Context, ws *host.Workspace, flow host.Flow, who host.Actor, v *visit, l net.Listener, w waiting) (host.Connected, error) {
	if flow.UserCode != "" {
		done, err := ws.Await(ctx, flow, who)
		if ctx.Err() != nil && err != nil {
			err = errors.Join(err, ws.Cancel(context.WithoutCancel(ctx), flow, who))
		}
		return done, err
	}
	ctx, cancel := context.WithDeadline(ctx, flow.Expiry)
	defer cancel()
	if w.Elsewhere != "" {
		go v.paste(ctx, p.in, w.RedirectURL)
	}
	done, err := v.serve(ctx, l)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &failure{code: codeDenied, text: "nobody has approved in time", next: "connect again"}
	}
	return done, err
}

// announce says where the person must go. What is to be copied stands alone.
func (p *program) announce(w waiting, left time.Duration) error {
	if p.json {
		return p.encode(w)
	}
	alone := func(text string) {
		fmt.Fprintf(p.err, "\n    %s\n\n", styleFor(p.err).bold(visible(text)))
	}
	within := roughly(left.Round(time.Minute))
	if w.UserCode != "" {
		p.note("within %s, open %s and enter the code", within, w.URL)
		alone(w.UserCode)
		p.note("give the code to nobody: who enters it connects their account")
		return nil
	}
	p.note("the service sends the browser back to %s, which must be registered there", w.RedirectURL)
	p.note("within %s, approve access in the browser at", within)
	alone(w.URL)
	if w.Elsewhere != "" {
		p.note("or, if the browser is on another machine, open there")
		alone(w.Elsewhere)
		p.note("that browser ends at an address on 127.0.0.1 that it cannot show: paste all of it here, and give it to nobody else")
	}
	return nil
}

// caution says what a person must not overlook when a credential was connected.
func (p *program) caution(done host.Connected) {
	s := styleFor(p.err)
	warn := func(text string) {
		fmt.Fprintf(p.err, "credhost: %s %s\n", s.bold(s.red("warning:")), visible(text))
	}
	if done.Was != "" {
		warn(changed(done))
	}
	if r := done.Replaced; r != nil && r.Kept {
		warn("the grant before could not be revoked, and may live at the service (" + r.Reason + "): credhost revoke tries again, and revokes the new one with it")
	}
}

// whose says whose credential it is now.
func whose(c host.Connected) string {
	if c.Account == "" {
		return ""
	}
	return ", as " + c.Account
}

// changed says that a credential is another account's than before.
func changed(c host.Connected) string {
	return fmt.Sprintf("this is another account than before: the credential was that of %s, and is now that of %s. If that was not meant, sign out at the service and connect again.", c.Was, c.Account)
}

// openBrowser opens a page in the person's browser.
func openBrowser(ctx context.Context, url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...) // the browser outlives the program
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // or it stays as a zombie until the program ends
	return nil
}
