// SPDX-License-Identifier: Apache-2.0

// A whole credential plugin in Node.js: for Acme, an invented service that trades
// a client's ID and secret for a token. Its bundle is made by install.sh.
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fetch } from "undici";
import { egress, refused, Refused } from "./egress.mjs";

const about = { program: "acme-node", version: "1.0.0" };

const schema = {
  name: "acme-node",
  title: "Acme (Node.js)",
  docsUrl: "https://acme.example/docs/authentication",
  fields: [
    { name: "baseUrl", title: "Acme URL", kind: "url", default: "https://api.acme.example", help: "Change it if you run Acme yourself." },
    { name: "clientId", title: "Client ID" },
    { name: "clientSecret", title: "Client secret", secret: true, help: "Acme > Settings > Clients. It is shown once." },
  ],
  origins: ["{baseUrl}"],
};

// A Failure says who must act: see "Errors" in the protocol.
class Failure extends Error {
  constructor(code, message, retryAfter) {
    super(message);
    this.answer = { code: `CODE_${code}`, message, retryAfter: retryAfter > 0 ? { seconds: Math.ceil(retryAfter) } : null };
  }
}

// Grant says what a request must carry.
async function grant({ call, input: { values } }, signal) {
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id: values.clientId, client_secret: values.clientSecret });
  const token = await ask(call, signal, `${values.baseUrl}/token`, { method: "POST", body });
  if (typeof token.access_token !== "string" || !/^[\x21-\x7e]+$/.test(token.access_token)) throw strange();
  const expiry = token.expires_in > 0 ? { seconds: Math.floor(Date.now() / 1000 + token.expires_in) } : null;
  return { grant: { header: [{ name: "Authorization", values: [Buffer.from(`Bearer ${token.access_token}`)] }], expiry } };
}

// Test asks Acme whether it takes the grant.
async function test({ call, input: { values }, grant: { header } }, signal) {
  const headers = header.flatMap(({ name, values }) => values.map((value) => [name, value.toString("latin1")]));
  await ask(call, signal, `${values.baseUrl}/v1/me`, { headers });
  return { done: {} };
}

// ask makes a request, and returns the JSON of the answer.
async function ask(call, signal, url, request) {
  const dispatcher = egress(call);
  try {
    const answer = await fetch(url, { ...request, dispatcher, signal, redirect: "manual" });
    judge(answer, refused(call, answer));
    return await answer.json();
  } catch (e) {
    const why = [e, e.cause].find((e) => e instanceof Refused || e instanceof Failure);
    throw why ?? new Failure("UNAVAILABLE", "Acme could not be reached, or its answer is not what was expected: check the URL, or try again later");
  } finally {
    await dispatcher.destroy(); // with the connections of the call
  }
}

// judge throws what an answer other than success means.
function judge({ status, headers }, refusal) {
  const wait = headers.get("retry-after");
  if (refusal) throw refusal;
  if (status === 429 || status >= 500) throw new Failure("UNAVAILABLE", "Acme is busy: try again later", Number(wait) || (Date.parse(wait) - Date.now()) / 1000);
  if (status === 400 || status === 401) throw new Failure("DENIED", "Acme does not take the client: check its ID and secret");
  if (status === 403) throw new Failure("FORBIDDEN", "the client lacks a permission: give it one in Acme's settings");
  if (status !== 200 || !headers.get("content-type")?.startsWith("application/json")) throw strange();
}

const strange = () => new Failure("UNAVAILABLE", "Acme's answer is not what was expected: check the URL, or try again later");

// explain makes the Error of the protocol. What is neither a refusal of the
// host's nor a Failure is a bug; its words may hold anything, and stay here.
function explain(e) {
  if (e instanceof Failure) return e.answer;
  const [, code, message] = (e instanceof Refused && /^(\w+) (.+)$/.exec(e.message)) || [];
  return code ? { code: `CODE_${code.toUpperCase()}`, message } : { code: "CODE_INTERNAL", message: "the plugin has a bug: tell its author" };
}

// method makes a gRPC method of a function, whose signal ends with the call.
const method = (f) => async (call, done) => {
  const ended = new AbortController();
  call.on("cancelled", () => ended.abort());
  try {
    done(null, await f(call.request, ended.signal));
  } catch (e) {
    done(null, { error: explain(e) });
  }
};

// raw is a method whose messages hold nothing that matters.
const raw = (path, answer) => ({
  path, requestStream: false, responseStream: false,
  requestSerialize: (b) => b, requestDeserialize: (b) => b,
  responseSerialize: () => Buffer.from(answer), responseDeserialize: (b) => b,
});

function serve() {
  const { credhost } = grpc.loadPackageDefinition(loadSync(join(import.meta.dirname, "plugin.proto"), { longs: Number, enums: String }));
  const types = [{ schema: Buffer.from(JSON.stringify(schema)), abilities: ["ABILITY_TEST"] }];
  const server = new grpc.Server({ "grpc.max_receive_message_length": 4 << 20, "grpc.max_send_message_length": 4 << 20 });
  server.addService(credhost.plugin.v1.Plugin.service, {
    describe: method(() => ({ description: { ...about, types } })),
    grant: method(grant),
    test: method(test),
  });
  server.addService({ check: raw("/grpc.health.v1.Health/Check", [0x08, 0x01]) }, { check: (_, done) => done(null, {}) }); // SERVING
  server.addService({ shutdown: raw("/plugin.GRPCController/Shutdown", []) }, { shutdown: () => process.exit(0) });
  const path = join(process.env.PLUGIN_UNIX_SOCKET_DIR, "plugin");
  server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (e) => {
    if (e) throw e;
    process.stdout.write(`1|1|unix|${path}|grpc|\n`);
  });
}

if (process.argv.includes("--describe")) {
  console.log(JSON.stringify({ ...about, types: [{ schema, can: { test: true } }] }, null, 2));
} else if (process.env.CREDHOST_PLUGIN !== "credential") {
  console.error("This is a credential plugin, which credhost starts by itself: put its folder among the plugins, and trust it.");
  process.exitCode = 2;
} else {
  process.stdin.resume().on("end", () => process.exit(0)); // the host is gone
  console.log = console.info = console.error; // standard output is for the handshake
  serve();
}
