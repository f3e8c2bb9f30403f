// SPDX-License-Identifier: Apache-2.0

// The main job of an engine, with a client that was made of the OpenAPI document:
//   node job.js BASE-URL TOKEN SERVICE-URL
// The key of the service is read from standard input. It prints one line for each
// step, and ends with 1 if one is not as it must be.

import { readFileSync } from "node:fs";
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./credhost.js";

const [baseUrl, token, service] = process.argv.slice(2);
if (!baseUrl || !token || !service) throw new Error("usage: job.js BASE-URL TOKEN SERVICE-URL");
const apiKey = readFileSync(0, "utf8").trim();

const client = createClient<paths>({ baseUrl });
const authenticated: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
};
client.use(authenticated);

type Problem = components["schemas"]["Problem"];

/** must returns what was answered, or throws the problem. */
function must<T>(answer: { data?: T; error?: Problem; response: Response }): T {
  if (answer.error !== undefined) throw new Error(`${answer.error.type}: ${answer.error.detail}`);
  return answer.data as T;
}

function check(ok: boolean, what: string): void {
  if (!ok) throw new Error(what);
  console.log(what);
}

/** follow reads server-sent events until one is of the wanted type. */
async function follow(stream: ReadableStream<Uint8Array>, wanted: string): Promise<components["schemas"]["Event"]> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      if (lines.includes(`event: ${wanted}`)) {
        const data = lines.find((line) => line.startsWith("data: ")) ?? "";
        return JSON.parse(data.slice("data: ".length)) as components["schemas"]["Event"];
      }
    }
  }
  throw new Error(`the stream ended before ${wanted}`);
}

const { types } = must(await client.GET("/v1/types", { params: { query: { search: "acme" } } }));
check(types[0]?.name === "acme", "types");

const { error: wrong } = await client.POST("/v1/credentials", { body: { type: "acme", answers: { baseUrl: "nonsense" } } });
const fields = (wrong?.errors ?? []).map((fault) => fault.field).sort();
check(wrong?.status === 422 && fields.join() === "apiKey,baseUrl", "faults by field");

const events = await client.GET("/v1/events", {
  headers: { Accept: "text/event-stream" },
  parseAs: "stream",
});
const tested = follow(events.data as unknown as ReadableStream<Uint8Array>, "credential.tested");

const body = { type: "acme", name: "from TypeScript", answers: { baseUrl: service, apiKey } };
const once = { "Idempotency-Key": "one-and-only" };
const made = must(await client.POST("/v1/credentials", { body, params: { header: once } }));
const again = await client.POST("/v1/credentials", { body, params: { header: once } });
check(made.id === must(again).id && again.response.headers.get("Credhost-Replayed") === "true", "created once");

const path = { credential: made.id };
const verdict = must(await client.POST("/v1/credentials/{credential}/test", { params: { path } }));
check(verdict.outcome === "works", "tested");
check((await tested).data.credential === made.id, "heard of it");

const list = must(await client.GET("/v1/credentials", { params: { query: { search: "typescript", limit: 1 } } }));
check(list.credentials[0]?.id === made.id && list.credentials[0].tested?.outcome === "works", "listed");

const shown = await client.GET("/v1/credentials/{credential}", { params: { path } });
const etag = shown.response.headers.get("ETag") ?? "";
const change = { name: "renamed", answers: { apiKey } };
const bodySerializer = JSON.stringify;
const headers = { "Content-Type": "application/merge-patch+json" };
const renamed = must(await client.PATCH("/v1/credentials/{credential}", { params: { path, header: { "If-Match": etag } }, body: change, bodySerializer, headers }));
check(renamed.name === "renamed", "changed");
const late = await client.PATCH("/v1/credentials/{credential}", { params: { path, header: { "If-Match": etag } }, body: change, bodySerializer, headers });
check(late.error?.type === "urn:credhost:problem:changed", "refused what was changed since");

const visit = await client.POST("/v1/credentials/{credential}/connect", { params: { path }, body: {} });
check(visit.error?.code === "invalid", "nothing to connect");

const narrow = must(await client.POST("/v1/keys/derive", { body: { scopes: ["use"], limits: { credentials: [made.id], methods: ["GET"], urls: [`${service}/v1/*`] }, seconds: 300 } }));
check(narrow.token !== token && Date.parse(narrow.expires) > Date.now(), "derived a key");

await client.DELETE("/v1/credentials/{credential}", { params: { path, header: { "If-Match": "*" } } });
const gone = await client.GET("/v1/credentials/{credential}", { params: { path } });
check(gone.response.status === 404, "deleted");
process.exit(0);
