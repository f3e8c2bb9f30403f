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
	UserCode    string    `json:"userCode,omitempty"`
	RedirectURL string    `json:"redirectUrl,omitempty"`
	Expiry      time.Time `json:"expiry"`
}

// A connected is what "connect --json" prints in the end.
type connected struct {
	ID      string `json:"id"`
	Account string `json:"account,omitempty"`
	Was     string `json:"was,omitempty"` // whose it was before
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

"credhost show ID" prints it in full. --port changes the port in it.`, callbackURL(callbackPort)),
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				return setup(err, "end what uses the port, or choose another with --port, and register that redirect URL, too")
			}
			defer l.Close()
			o, err := p.openWith(c.Context(), existing, host.Config{CallbackURL: callbackURL(l.Addr().(*net.TCPAddr).Port)})
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
	if flow.UserCode == "" {
		w.URL, w.RedirectURL = v.startURL(), o.ws.RedirectURL(view.Type)
	}
	if err := p.announce(w, time.Until(flow.Expiry)); err != nil {
		return err
	}
	if browse {
		if err := openBrowser(ctx, w.URL); err != nil {
			p.note("no browser can be opened here: open the address yourself")
		}
	}
	done, err := p.await(ctx, o.ws, flow, who, v, l)
	if err != nil {
		return err
	}
	return p.print(connected{done.ID, done.Account, done.Was}, func(w io.Writer) {
		fmt.Fprintf(w, "%s is connected%s\n", done.ID, visible(whose(done)))
	})
}

// await waits until the visit has ended, one way or the other.
func (p *program) await(ctx context.Context, ws *host.Workspace, flow host.Flow, who host.Actor, v *visit, l net.Listener) (host.Connected, error) {
	if flow.UserCode != "" {
		return ws.Await(ctx, flow, who)
	}
	ctx, cancel := context.WithDeadline(ctx, flow.Expiry)
	defer cancel()
	done, err := v.serve(ctx, l)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &failure{code: codeDenied, text: "nobody has approved in time", next: "connect again"}
	}
	return done, err
}

// announce says where the person must go.
func (p *program) announce(w waiting, left time.Duration) error {
	if p.json {
		return p.encode(w)
	}
	if w.UserCode != "" {
		p.note("open %s and enter the code %s, within %s", w.URL, w.UserCode, span(left))
		return nil
	}
	p.note("the service sends the browser back to %s, which must be registered there", w.RedirectURL)
	p.note("approve access in the browser within %s, at %s", span(left), w.URL)
	return nil
}

// whose says whose credential it is now.
func whose(c host.Connected) string {
	text := ""
	if c.Account != "" {
		text = ", as " + c.Account
	}
	if c.Was != "" {
		text += "; before, it was " + c.Was
	}
	return text
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
