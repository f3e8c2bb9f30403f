# SPDX-License-Identifier: Apache-2.0

"""A whole credential plugin in Python: for Acme, an invented service that trades
a client's ID and secret for a token. Its bundle is made by install.sh."""
import concurrent.futures, email.utils, json, math, os, re, sys, time, urllib.parse, urllib.request

import egress

ABOUT = {"program": "acme-python", "version": "1.0.0"}

SCHEMA = {
    "name": "acme-python",
    "title": "Acme (Python)",
    "docsUrl": "https://acme.example/docs/authentication",
    "fields": [
        {"name": "baseUrl", "title": "Acme URL", "kind": "url", "default": "https://api.acme.example", "help": "Change it if you run Acme yourself."},
        {"name": "clientId", "title": "Client ID"},
        {"name": "clientSecret", "title": "Client secret", "secret": True, "help": "Acme > Settings > Clients. It is shown once."},
    ],
    "origins": ["{baseUrl}"],
}

class Failure(Exception):
    """It says who must act: see "Errors" in the protocol."""
    def __init__(self, code, message, retry_after=None):
        super().__init__(message)
        self.answer = {"code": "CODE_" + code, "message": message}
        if retry_after and retry_after > 0:
            self.answer["retry_after"] = {"seconds": math.ceil(retry_after)}

def strange():
    return Failure("UNAVAILABLE", "Acme's answer is not what was expected: check the URL, or try again later")

def describe(request, context):
    types = [{"schema": json.dumps(SCHEMA).encode(), "abilities": ["ABILITY_TEST"]}]
    return {"description": {**ABOUT, "types": types}}

def grant(request, context):
    """Says what a request must carry."""
    values = request.input.values
    form = {"grant_type": "client_credentials", "client_id": values["clientId"], "client_secret": values["clientSecret"]}
    token = ask(request.call, context, values["baseUrl"] + "/token", data=urllib.parse.urlencode(form).encode())
    access, expires = token.get("access_token"), token.get("expires_in")
    if not isinstance(access, str) or not re.fullmatch(r"[\x21-\x7e]+", access):
        raise strange()
    g = {"header": [{"name": "Authorization", "values": [b"Bearer " + access.encode()]}]}
    if isinstance(expires, (int, float)) and expires > 0:
        g["expiry"] = {"seconds": int(time.time() + expires)}
    return {"grant": g}

def test(request, context):
    """Asks Acme whether it takes the grant."""
    headers = {h.name: b", ".join(h.values).decode("latin-1") for h in request.grant.header}
    ask(request.call, context, request.input.values["baseUrl"] + "/v1/me", headers=headers)
    return {"done": {}}

def ask(call, context, url, **request):
    """Makes a request, and returns the JSON object of the answer."""
    remaining = context.time_remaining()
    try:
        answer = egress.opener(call, context).open(urllib.request.Request(url, **request), timeout=min(remaining or 30, 30))
        with answer:
            judge(answer, egress.refused(call, answer))
            found = json.load(answer)
            if not isinstance(found, dict):
                raise strange()
            return found
    except (egress.Refused, Failure):
        raise
    except Exception as e:
        reason = getattr(e, "reason", None)
        if isinstance(reason, egress.Refused):
            raise reason
        raise Failure("UNAVAILABLE", "Acme could not be reached, or its answer is not what was expected: check the URL, or try again later")

def judge(answer, refusal):
    """Raises what an answer other than success means."""
    status, headers = answer.status, answer.headers
    if refusal:
        raise refusal
    if status == 429 or status >= 500:
        raise Failure("UNAVAILABLE", "Acme is busy: try again later", seconds(headers.get("Retry-After", "")))
    if status in (400, 401):
        raise Failure("DENIED", "Acme does not take the client: check its ID and secret")
    if status == 403:
        raise Failure("FORBIDDEN", "the client lacks a permission: give it one in Acme's settings")
    if status != 200 or headers.get_content_type() != "application/json":
        raise strange()

def seconds(wait):
    """Returns what a Retry-After says, or None."""
    if wait.isdecimal():
        return int(wait)
    try:
        return email.utils.parsedate_to_datetime(wait).timestamp() - time.time()
    except (TypeError, ValueError):
        return None

def explain(e):
    """Makes the Error of the protocol. What is neither a refusal of the host's nor
    a Failure is a bug; its words may hold anything, and stay here."""
    if isinstance(e, Failure):
        return e.answer
    code, _, message = str(e).partition(" ") if isinstance(e, egress.Refused) else ("", "", "")
    if message:
        return {"code": "CODE_" + code.upper(), "message": message}
    return {"code": "CODE_INTERNAL", "message": "the plugin has a bug: tell its author"}

def messages():
    """Returns the classes of the protocol's messages, by their names."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    pool = descriptor_pool.DescriptorPool()
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugin.binpb"), "rb") as f:
        for file in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
            pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return lambda name: make(pool.FindMessageTypeByName("credhost.plugin.v1." + name))

def serve():
    import grpc
    message = messages()

    def method(name, f):
        request, response = message(name + "Request"), message(name + "Response")
        def call(asked, context):
            try:
                return response(**f(asked, context))
            except Exception as e:
                return response(error=explain(e))
        return grpc.unary_unary_rpc_method_handler(call, request.FromString, response.SerializeToString)

    def raw(f):
        return grpc.unary_unary_rpc_method_handler(lambda asked, context: f(), bytes, bytes)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), options=[
        ("grpc.max_receive_message_length", 4 << 20), ("grpc.max_send_message_length", 4 << 20),
        ("grpc.http2.min_ping_interval_without_data_ms", 1000), ("grpc.http2.max_ping_strikes", 0),
    ])
    for service, methods in {
        "credhost.plugin.v1.Plugin": {n: method(n, f) for n, f in {"Describe": describe, "Grant": grant, "Test": test}.items()},
        "grpc.health.v1.Health": {"Check": raw(lambda: b"\x08\x01")},  # SERVING
        "plugin.GRPCController": {"Shutdown": raw(lambda: os._exit(0))},
    }.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin")
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|1|unix|{path}|grpc|", flush=True)
    sys.stdout = sys.stderr  # standard output is for the handshake
    sys.stdin.buffer.read()
    os._exit(0)  # the host is gone

if __name__ == "__main__":
    if "--describe" in sys.argv:
        print(json.dumps({**ABOUT, "types": [{"schema": SCHEMA, "can": {"test": True}}]}, indent=2))
    elif os.environ.get("CREDHOST_PLUGIN") != "credential":
        sys.exit(print("This is a credential plugin, which credhost starts by itself: put its folder among the plugins, and trust it.", file=sys.stderr) or 2)
    else:
        serve()
