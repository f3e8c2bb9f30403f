// SPDX-License-Identifier: Apache-2.0
//
// What people do with forms, whatever shows them: they fill in, submit too early,
// switch, switch back, and submit.

import assert from 'node:assert/strict';

import { retry } from './engines.mjs';
import { torture } from './torture.mjs';

// A Person does with a surface what people do, and expects what they expect.
export class Person {
  secrets = {}; // that were typed

  constructor(surface) { this.surface = surface; }

  // fill answers fields in their order.
  async fill(answers) {
    for (const [name, value] of Object.entries(answers)) {
      await this.surface.set(name, value);
      if (this.surface.field(name).secret) this.secrets[name] = value;
    }
  }

  // submit types again what was forgotten, and submits.
  async submit() {
    const seen = this.surface.forgets ? await this.surface.look() : {};
    for (const [name, value] of Object.entries(this.secrets)) {
      if (seen[name]?.value === '') await this.surface.set(name, value);
    }
    return this.surface.submit();
  }

  // looksAgain asks for the questions that go with what is typed, where a person
  // has to.
  async looksAgain() {
    await this.surface.refresh?.();
  }

  // sees demands that exactly these fields are there.
  async sees(...names) {
    await this.looksAgain();
    await retry(async () => assert.deepEqual(Object.keys(await this.surface.look()).sort(), names.sort()));
  }

  // seesNow demands that some fields are there, and others are not.
  async seesNow(shown, hidden) {
    await this.looksAgain();
    await retry(async () => {
      const there = Object.keys(await this.surface.look());
      assert.deepEqual(shown.filter((n) => !there.includes(n)), [], 'fields that are missing');
      assert.deepEqual(hidden.filter((n) => there.includes(n)), [], 'fields that are not asked');
    });
  }

  // isRefused submits, and demands that something is said of exactly these fields.
  async isRefused(...names) {
    const verdict = await this.submit();
    assert.ok(!verdict?.ok, 'the server took it');
    await retry(async () => {
      const seen = Object.entries(await this.surface.look());
      assert.deepEqual(seen.filter(([, v]) => v.said).map(([n]) => n).sort(), names.sort(), JSON.stringify(verdict?.faults));
    });
    return verdict;
  }

  // isRefusedByServer is isRefused of what only the server finds.
  async isRefusedByServer(...names) {
    const verdict = await this.isRefused(...names);
    assert.ok(verdict, 'the form kept it');
    const seen = await this.surface.look();
    for (const { field, message } of verdict.faults) assert.ok(seen[field].said.includes(message), `${seen[field].said}: not ${message}`);
  }

  // isTaken submits, and demands that the server stores just that.
  async isTaken(stored) {
    const verdict = await this.submit();
    if (!verdict) {
      const seen = Object.entries(await this.surface.look()).filter(([, v]) => v.said);
      assert.fail(`the form sent nothing: ${JSON.stringify(seen.map(([n, v]) => [n, v.said]))}`);
    }
    assert.deepEqual(verdict.faults ?? [], []);
    assert.deepEqual(verdict.stored, stored);
  }

  // typesBlindly demands that what is typed into these fields is not seen.
  async typesBlindly(...names) {
    const seen = await this.surface.look();
    for (const name of names.filter((n) => !this.surface.tells?.includes(n))) assert.equal(seen[name].type, 'password', name);
  }
}

const set = { set: true };

export const scenarios = [
  ...torture,
  {
    name: 'halopsa: hosted, and back on premise', type: 'halopsa', browser: true,
    async run(ann) {
      const always = ['hostingType', 'authUrl', 'resourceUrl', 'clientId', 'clientSecret', 'scope'];
      await ann.sees(...always);
      await ann.typesBlindly('clientSecret');
      await ann.isRefused('authUrl', 'resourceUrl', 'clientId', 'clientSecret');
      await ann.fill({ authUrl: 'https://halo.example.com/auth', resourceUrl: 'https://halo.example.com/api', clientId: '4e5b1c', clientSecret: 's3cret {x}' });
      await ann.fill({ hostingType: 'hostedHalo' });
      await ann.sees(...always, 'tenant');
      await ann.isRefused('tenant');
      await ann.fill({ tenant: 'acme' });
      const stored = { authUrl: 'https://halo.example.com/auth', resourceUrl: 'https://halo.example.com/api', clientId: '4e5b1c', clientSecret: set, scope: 'all' };
      await ann.isTaken({ ...stored, hostingType: 'hostedHalo', tenant: 'acme' });
      await ann.fill({ hostingType: 'onPremise', clientSecret: 's3cret' });
      await ann.sees(...always);
      await ann.isTaken({ ...stored, hostingType: 'onPremise' });
    },
  },
  {
    name: 'halopsa: an address that only the server refuses', type: 'halopsa',
    async run(ann) {
      await ann.fill({ authUrl: 'https://10.0.0.1/auth', resourceUrl: 'https://halo.example.com/api', clientId: '4e5b1c', clientSecret: 's3cret' });
      await ann.isRefusedByServer('authUrl');
    },
  },
  {
    name: 'halopsa: edited, with another address', type: 'halopsa', setting: 'edit', browser: true,
    async run(ann) {
      const stored = { hostingType: 'onPremise', authUrl: 'https://halo.example.com/auth', resourceUrl: 'https://halo.example.com/api', clientId: 'other', clientSecret: set, scope: 'all' };
      await ann.fill({ clientId: 'other' });
      await ann.isTaken(stored);
      await ann.fill({ authUrl: 'https://elsewhere.example/auth' });
      await ann.isRefused('clientSecret');
      await ann.fill({ clientSecret: 's3cret' });
      await ann.isTaken({ ...stored, authUrl: 'https://elsewhere.example/auth' });
    },
  },
  {
    name: 'hellocloud: the first version, and the later one', type: 'hellocloud', browser: true,
    async run(ann) {
      const always = ['baseUrl', 'version', 'grantType', 'clientId', 'clientSecret'];
      await ann.sees(...always);
      await ann.isRefused('baseUrl', 'clientId', 'clientSecret');
      await ann.fill({ baseUrl: 'https://crm.example.com/legacy', clientId: '3f7fda97', clientSecret: 's3cret', version: '7.10.0', grantType: 'password' });
      await ann.sees(...always, 'username', 'password');
      await ann.typesBlindly('password', 'clientSecret');
      await ann.isRefused('username', 'password');
      await ann.fill({ username: 'ann', password: 'pässwörd 🐎' });
      const stored = { baseUrl: 'https://crm.example.com/legacy', clientId: '3f7fda97', clientSecret: set };
      await ann.isTaken({ ...stored, version: '7.10.0', grantType: 'password', username: 'ann', password: set });
      await ann.fill({ version: '7.10.2+' });
      await ann.looksAgain();
      await ann.fill({ grantType: 'client_credentials', clientSecret: 's3cret' });
      await ann.sees(...always);
      await ann.isTaken({ ...stored, version: '7.10.2+', grantType: 'client_credentials' });
    },
  },
  {
    name: 'faxplus: OAuth, and back to a token', type: 'faxplus', browser: true,
    async run(ann) {
      await ann.sees('authMethod', 'personalAccessToken', 'patExpiresAt');
      await ann.isRefused('personalAccessToken');
      await ann.fill({ personalAccessToken: 'alohi pat' });
      await ann.isRefused('personalAccessToken');
      await ann.fill({ authMethod: 'oauth2' });
      await ann.sees('authMethod', 'clientId', 'clientSecret', 'advancedSecurityControls');
      await ann.fill({ clientId: '1a2b', clientSecret: 's3cret' });
      await ann.isRefused('clientId');
      await ann.fill({ clientId: 'APIK-1a2b', advancedSecurityControls: true });
      await ann.isTaken({ authMethod: 'oauth2', clientId: 'APIK-1a2b', clientSecret: set, advancedSecurityControls: true });
      await ann.fill({ authMethod: 'pat' });
      await ann.sees('authMethod', 'personalAccessToken', 'patExpiresAt');
      await ann.typesBlindly('personalAccessToken');
      await ann.fill({ personalAccessToken: 'alohi_pat_x', patExpiresAt: '2027-01-31T00:00' });
      await ann.isTaken({ authMethod: 'pat', personalAccessToken: set, patExpiresAt: '2027-01-31T00:00:00Z' });
    },
  },
];
