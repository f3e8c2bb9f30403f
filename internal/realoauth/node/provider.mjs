// SPDX-License-Identifier: Apache-2.0
//
// oidc-provider with strict settings: PKCE, pushed authorization requests and an
// iss are required, refresh tokens rotate, and one that is used again ends all
// that came of its approval. It prints the port that it listens at, serves behind
// the test's own TLS, and ends when its standard input does. Each test has a
// provider of its own, by the host of its issuer.
//
// /test is no part of them, and is not reachable from outside: it does there what
// an operator does.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import { json } from 'node:stream/consumers';
import { URL } from 'node:url';

import Provider from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const providers = new Map(); // by host

// people are who can sign in, besides those with nothing to say of them but a mail address.
const people = {
  eve: { email: 'ada@example.com', email_verified: false },
  grace: { email: 'grace@example.com', email_verified: true, groups: ['staff', 'ops'] },
};

// fresh makes a key to sign ID tokens with.
const fresh = () => ({ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' });

// add makes a provider, in the place of one before it. What it knows has names such
// as AccessToken:…. With signIn it is one to sign in at: it takes requests that were
// not pushed, and signs with a key of its own.
function add({ issuer, redirect, secret, jwks, signIn }) {
  const known = new Map();
  const settings = { lifetime: 600 }; // of access tokens, in seconds
  const code = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], redirect_uris: [redirect] };
  const provider = new Provider(issuer, {
    adapter: (model) => new MemoryAdapter(model, known),
    clients: [
      { client_id: 'web:app', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic', ...code },
      { client_id: 'signing', jwks, token_endpoint_auth_method: 'private_key_jwt', ...code },
      { client_id: 'service', client_secret: secret, token_endpoint_auth_method: 'client_secret_post', grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'read' },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups', 'offline_access', 'read'],
    ...(signIn && { jwks: { keys: [fresh()] } }),
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    cookies: { keys: ['EXAMPLE-cookie-key'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, ...people[id] }) }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: !signIn },
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: () => settings.lifetime, ClientCredentials: () => settings.lifetime, AuthorizationCode: 60, RefreshToken: 86400,
      Grant: 86400, Session: 86400, Interaction: 3600, IdToken: 3600,
    },
  });
  provider.proxy = true; // which speaks TLS for it
  providers.set(new URL(issuer).host, { known, settings, serve: provider.callback() });
}

// operate does what an operator does, and returns a status.
async function operate(url, req) {
  if (url.pathname === '/test/new') {
    add(await json(req));
    return 204;
  }
  const { known, settings } = providers.get(req.headers.host);
  const forget = (model) => { for (const name of known.keys()) if (name.startsWith(`${model}:`)) known.delete(name); };
  switch (url.pathname) {
    case '/test/lifetime': settings.lifetime = Number(url.searchParams.get('seconds')); return 204;
    case '/test/expire': forget('AccessToken'); return 204; // every access token has ended
    case '/test/withdraw': forget('Grant'); return 204; // people have withdrawn what they approved
    default: return 404;
  }
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (!url.pathname.startsWith('/test/')) return providers.get(req.headers.host).serve(req, res);
  return res.writeHead(await operate(url, req)).end();
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.stdin.resume().on('end', () => process.exit(0));
