// SPDX-License-Identifier: Apache-2.0

// Asks through the proxy as programs do: node client.mjs MODE URL KEY [PROXY].
// It prints what it is answered, as JSON.

import { ProxyAgent, fetch as undici } from "undici";

const [mode, url, key, proxy] = process.argv.slice(2);
let resp;
if (mode === "path") {
  resp = await fetch(url, { method: "POST", headers: { Authorization: `Bearer ${key}` }, body: "from node" });
} else {
  // Without a tunnel, which is what a proxy can add something to.
  const token = "Basic " + Buffer.from(key).toString("base64");
  resp = await undici(url, { method: "POST", dispatcher: new ProxyAgent({ uri: proxy, token, proxyTunnel: false }), body: "from node" });
}
let text = "";
for await (const part of resp.body) text += Buffer.from(part).toString();
console.log(JSON.stringify({ status: resp.status, target: resp.headers.get("echo-target"), text }));
