# SPDX-License-Identifier: Apache-2.0

"""The way out: an opener for urllib, whose connections are those of one call."""
import functools, http.client, os, socket, urllib.request

class Refused(Exception):
    """The host has refused a connection: its text is "CODE TEXT"."""

class Connection(http.client.HTTPConnection):
    def __init__(self, call, ended, scheme, host, **args):
        super().__init__(host, **args)
        self.line, self.ended = f"{call} {scheme}://{host}\n".encode(), ended

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.ended(self.sock)
        self.sock.connect(os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "egress"))
        self.sock.sendall(self.line)
        answer = b""
        while not answer.endswith(b"\n"):  # no further than the line's end
            byte = self.sock.recv(1)
            if not byte:
                raise ConnectionError("the host has closed the egress")
            answer += byte
        if answer != b"ok\n":
            raise Refused(answer[len("no "):].decode().strip())

class Egress(urllib.request.AbstractHTTPHandler):
    def __init__(self, call, ended):
        super().__init__()
        self.call, self.ended = call, ended

    def http_open(self, request):
        return self.do_open(functools.partial(Connection, self.call, self.ended, request.type), request)

    https_open = http_open
    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

def opener(call, context):
    """Returns an opener for one call, whose sockets are closed when it ends. It
    follows no redirect, and returns answers of every status."""
    def ended(sock):
        if not context.add_callback(lambda: shut(sock)):
            shut(sock)
    director = urllib.request.OpenerDirector()
    director.add_handler(Egress(call, ended))
    return director

def shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was closed

def refused(call, answer):
    """Returns why the host could not deliver a request, if the answer is its own:
    no service knows the call."""
    why = answer.headers.get("Credhost-Egress") if answer.headers.get("Credhost-Call") == call else None
    return Refused(why[len("no "):]) if why else None
