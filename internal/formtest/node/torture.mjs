// SPDX-License-Identifier: Apache-2.0
//
// What people do with the form that has every kind of field and of condition.

const set = { set: true };

// What is there at first, what is needed, and what is then stored.
const first = ['clientId', 'clientSecret', 'region', 'baseUrl', 'mirrors', 'shop', 'host', 'method', 'password', 'verify', 'authority', 'tries', 'tier', 'plan',
  'proxy', 'until', 'holidays', 'pin', 'claims', 'account', 'headers', 'labels', 'tokens', 'weights', 'scopes', 'mailbox', 'hebrew', 'arabic', 'japanese', 'script'];
const needed = { clientId: 'APIK-1a2b', clientSecret: '12345678', baseUrl: 'https://acme.example.com', password: 's3cret' };
const stored = {
  clientId: 'APIK-1a2b', clientSecret: set, region: 'eu', baseUrl: 'https://acme.example.com', method: 'password', password: set, verify: true, tries: 1, tier: 'free',
  proxy: false, claims: { sub: 'x' }, labels: { team: 'blue' }, scopes: ['read'], grantType: 'client_credentials',
};
const without = (answers, ...names) => Object.fromEntries(Object.entries(answers).filter(([name]) => !names.includes(name)));

const parts = {
  'a key, and back to a password': async (ann) => {
    await ann.sees(...first);
    await ann.typesBlindly('clientSecret', 'password', 'pin');
    await ann.isRefused('clientId', 'clientSecret', 'baseUrl', 'password');
    await ann.fill({ ...needed, method: 'key' });
    await ann.seesNow(['key'], ['password', 'passphrase']);
    await ann.isRefused('key');
    await ann.fill({ key: '-----BEGIN-----\nx\n-----END-----' });
    await ann.seesNow(['key', 'passphrase'], ['password']);
    await ann.typesBlindly('passphrase');
    await ann.fill({ passphrase: 'p' });
    await ann.isTaken({ ...without(stored, 'password'), method: 'key', key: set, passphrase: set });
    await ann.fill({ method: 'password', clientSecret: '12345678' });
    await ann.sees(...first);
    await ann.fill({ password: 'other' });
    await ann.isTaken(stored);
  },
  'numbers and bools that decide': async (ann) => {
    await ann.fill({ ...needed, tries: 3 });
    await ann.seesNow(['pause'], ['audience']);
    await ann.fill({ pause: 0.4 });
    await ann.isRefused('pause');
    await ann.fill({ pause: 1.5, verify: false });
    await ann.seesNow(['pause', 'audience'], ['authority']);
    await ann.fill({ audience: 'x' });
    await ann.isTaken({ ...stored, tries: 3, pause: 1.5, verify: false, audience: 'x', grantType: 'password' });
    await ann.fill({ tries: 4, verify: true, clientSecret: '12345678', password: 's3cret' });
    await ann.seesNow(['authority'], ['pause', 'audience']);
    await ann.isTaken({ ...stored, tries: 4 });
  },
  'conditions on what is itself asked under conditions': async (ann) => {
    await ann.fill({ ...needed, proxy: true });
    await ann.seesNow(['proxyUrl'], ['proxyUser', 'proxyPassword']);
    await ann.fill({ proxyUrl: 'https://proxy.example.com:3128' });
    await ann.seesNow(['proxyUrl', 'proxyUser'], ['proxyPassword']);
    await ann.fill({ proxyUser: 'ann' });
    await ann.seesNow(['proxyUrl', 'proxyUser', 'proxyPassword'], []);
    await ann.isRefused('proxyPassword');
    await ann.fill({ proxyPassword: 'pw' });
    await ann.isTaken({ ...stored, proxy: true, proxyUrl: 'https://proxy.example.com:3128', proxyUser: 'ann', proxyPassword: set });
    await ann.fill({ proxy: false, clientSecret: '12345678', password: 's3cret' });
    await ann.seesNow([], ['proxyUrl', 'proxyUser', 'proxyPassword']);
    await ann.isTaken(stored);
  },
  'options under conditions, in another region': async (ann) => {
    await ann.fill({ ...needed, region: 'us' });
    await ann.seesNow(['audience'], []);
    await ann.fill({ method: 'password' }); // a library may change to what is now the default
    await ann.fill({ audience: 'x', shop: 'acme', host: 'db.example.com', tier: 'silver' });
    await ann.seesNow(['port'], []);
    await ann.fill({ port: 5433 });
    await ann.isTaken({ ...stored, region: 'us', audience: 'x', shop: 'acme', host: 'db.example.com', port: 5433, tier: 'silver' });
    await ann.fill({ region: 'eu', tier: 'gold', clientSecret: '12345678', password: 's3cret' });
    await ann.seesNow([], ['audience']);
    await ann.fill({ plan: 'yearly' });
    await ann.isTaken({ ...stored, shop: 'acme', host: 'db.example.com', port: 5433, tier: 'gold', plan: 'yearly' });
  },
  'lists, pairs and dates': async (ann) => {
    await ann.fill({ ...needed, mirrors: ['https://a.example.com', 'https://b.example.com/x'], weights: [0.5, 100], holidays: ['2026-12-24T18:00'], until: '2027-01-31T12:30' });
    await ann.fill({ headers: { 'X-Team': 'blue', 'X-Größe': '"1"' }, tokens: ['one', 'two'], pin: 1234, account: '{"a":[1,"x"]}' });
    await ann.isTaken({
      ...stored, mirrors: ['https://a.example.com', 'https://b.example.com/x'], weights: [0.5, 100], holidays: ['2026-12-24T18:00:00Z'], until: '2027-01-31T12:30:00Z',
      headers: set, tokens: set, pin: set, account: set,
    });
  },
  'many choices that decide': async (ann) => {
    await ann.fill({ ...needed, scopes: ann.surface.adds ? ['write'] : ['read', 'write'] });
    await ann.seesNow(['folder'], ['recipients', 'limits']);
    await ann.isRefused('folder');
    await ann.fill({ folder: 'Ordner №1', scopes: ann.surface.adds ? ['admin'] : ['read', 'write', 'admin'] });
    await ann.seesNow(['folder', 'recipients', 'limits'], []);
    await ann.fill({ recipients: ['ann@example.com'], limits: { cpu: '2' } });
    await ann.isTaken({ ...stored, scopes: ['read', 'write', 'admin'], folder: 'Ordner №1', recipients: ['ann@example.com'], limits: { cpu: '2' } });
  },
  'texts in other scripts, and what only the server finds': async (ann) => {
    const texts = { hebrew: 'שלום אבגד', arabic: 'السطر الأول\nالسطر الثاني', japanese: 'こんにちは 🗾', script: '</script><script>alert(1)</script>' };
    await ann.fill({ ...needed, ...texts, claims: '{"a":}' });
    await ann.isRefusedByServer('claims');
    await ann.fill({ claims: '{"a":"<&>"}' });
    await ann.isTaken({ ...stored, ...texts, claims: { a: '<&>' } });
  },
};

const browser = ['a key, and back to a password', 'lists, pairs and dates'];

export const torture = Object.entries(parts).map(([name, run]) => ({ name: `torture: ${name}`, type: 'torture', run, browser: browser.includes(name) }));

torture.push({
  name: 'torture: edited, with another mirror', type: 'torture', setting: 'edit',
  async run(ann) {
    await ann.sees(...first);
    await ann.isTaken(stored);
    await ann.fill({ mirrors: ['https://m.example.com'] });
    await ann.isRefused('clientSecret', 'password');
    await ann.fill({ clientSecret: '12345678', password: 's3cret' });
    await ann.isTaken({ ...stored, mirrors: ['https://m.example.com'] });
  },
}, {
  name: 'torture: an application', type: 'torture', setting: 'application',
  async run(ann) {
    await ann.sees('clientId', 'clientSecret', 'region');
    await ann.fill({ clientId: 'APIK-1', clientSecret: '12345678', region: 'us' });
    await ann.isTaken({ clientId: 'APIK-1', clientSecret: set, region: 'us' });
  },
}, {
  name: 'torture: a draft', type: 'torture', setting: 'draft',
  async run(ann) {
    await ann.fill({ ...needed, scopes: ann.surface.adds ? ['write'] : ['read', 'write'] });
    await ann.seesNow(['folder'], []);
    await ann.isTaken({ ...stored, scopes: ['read', 'write'] });
  },
});
