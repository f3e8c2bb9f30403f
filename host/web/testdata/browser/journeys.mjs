// SPDX-License-Identifier: Apache-2.0
//
// The whole journey of a person, for each of the founding types: on a wide screen
// and on a phone, in the light and in the dark, with the mouse, with the keyboard
// alone, and without script.

import assert from 'node:assert/strict';

import { Person, world } from './people.mjs';

export function journeys(test, theBrowser) {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const dark = { colorScheme: 'dark' };

// person has somebody do something, who must not meet an error on the way.
const person = (name, role, options, act) => test(name, async () => {
  const p = await Person.come(theBrowser(), role, options);
  try {
    await act(p);
    assert.deepEqual(p.complaints, []);
  } catch (e) {
    await p.shot(`failed-${name.replace(/\W+/g, '-')}`);
    throw e;
  } finally {
    await p.leave();
  }
});

const save = (p) => p.send('form.credhost .actions .primary');
const says = async (p, what, selector = '#status') => {
  await p.page.waitForFunction(([s, text]) => document.querySelector(s)?.innerText.includes(text), [selector, what], { timeout: 180_000, polling: 30 });
};
const tests = (p) => p.page.click('form[data-swap] button');

  person('HaloPSA, wide and light', 'admin', {}, async (p) => {
    await p.send('.empty a.button, .head a.button');
    await p.page.fill('[data-filter]', 'halo');
    assert.equal(await p.page.locator('.types li:visible').count(), 1);
    await p.send('.types li:visible a');
    await p.page.fill('#name', 'Helpdesk');
    assert.equal(await p.page.isVisible('[name=tenant]'), false);
    await p.page.check('[value=hostedHalo]');
    assert.equal(await p.page.isVisible('[name=tenant]'), true); // the condition is live
    await p.page.fill('[name=authUrl]', `${world.halo}/auth`);
    await p.page.fill('[name=resourceUrl]', `${world.halo}/api`);
    await p.page.fill('[name=tenant]', 'example');
    await p.page.fill('[name=clientId]', 'EXAMPLE-halo-client');
    await p.page.fill('[name=clientSecret]', 'CANARY-wrong');
    await save(p);
    await says(p, 'It is ready');
    await tests(p);
    await says(p, 'It does not work');
    assert.match(await p.text('#verdict'), /client ID and secret/);
    await p.shot('halopsa-wrong-1280-light');
    await p.send('#status a[href$=edit]');
    assert.equal(await p.page.inputValue('[name=clientSecret]'), '');
    assert.ok(!(await p.page.content()).includes('CANARY'));
    await p.page.fill('[name=clientId]', '11111111-2222-4333-8444-555555555555');
    await p.page.fill('[name=clientSecret]', 'EXAMPLE-halo-client-secret');
    await save(p);
  });

  person('HelloCloud, on a phone and dark', 'admin', { ...phone, ...dark }, async (p) => {
    await p.at('/w/default/types/hellocloud');
    await p.page.fill('[name=baseUrl]', world.cloud);
    await p.page.fill('[name=clientId]', 'EXAMPLE-hellocloud-machine');
    await p.page.evaluate(() => { document.querySelector('form.credhost').noValidate = true; });
    await save(p); // the secret is missing
    assert.match(await p.text('.credhost .faults'), /is required/i);
    assert.equal(await p.page.evaluate(() => document.activeElement.className), 'faults');
    await p.shot('hellocloud-missing-360-dark');
    await p.page.fill('[name=clientSecret]', 'EXAMPLE-hellocloud-client-secret');
    await save(p);
    await tests(p);
    await says(p, 'It works');
    await p.shot('hellocloud-works-360-dark');
    await p.page.click('.menu');
    await p.shot('menu-360-dark');
    await p.page.keyboard.press('Escape');
    await p.page.click('text=Revoke its access');
    await says(p, 'Revoke the access of', '#ask');
    await p.shot('revoke-360-dark');
    await p.send('#ask button.danger');
    await says(p, 'Access is revoked', '#done');
    await p.page.click('text=Delete it');
    await says(p, 'Nobody can bring them back', '#ask');
    await p.page.click('#ask [data-close]');
    await p.page.click('text=Delete it');
    await says(p, 'Nobody can bring them back', '#ask');
    await p.send('#ask button.danger');
    await says(p, 'It is deleted', '#done');
  });

  person('Fax.Plus, connected in a window', 'admin', { provider: true }, async (p) => {
    await p.at('/w/default/types/faxplus');
    await p.page.check('[value=oauth2]');
    await p.page.fill('[name=clientId]', 'APIK-EXAMPLE-faxplus');
    await p.page.fill('[name=clientSecret]', 'EXAMPLE-faxplus-client-secret');
    await save(p);
    await says(p, 'Nobody has approved access yet');
    const [popup] = await Promise.all([p.context.waitForEvent('page'), p.page.click('form[data-popup] button')]);
    await popup.waitForSelector('text=Approve');
    await Promise.all([popup.waitForEvent('close'), popup.click('button[value=approve]')]);
    await says(p, 'It is connected', '#done');
    await tests(p);
    await says(p, 'It works');
    await p.shot('faxplus-works-1280-light');
    const id = p.page.url().split('/').at(-1);
    // Again, in the same window, as without script; and the person says no.
    await p.page.evaluate(() => delete document.querySelector('form[data-popup]').dataset.popup);
    await p.page.click('main form[action$=connect] button');
    await p.page.waitForSelector('button[value=deny]');
    await p.page.click('button[value=deny]');
    await says(p, 'Not connected', 'main');
    // A program asks a person to connect it, who need not be anybody here.
    const other = await Person.come(theBrowser(), '', { ...phone, provider: true });
    // What the link redirects to is not there, since nothing stands in for a redirect's target.
    const sent = await other.page.request.get(await (await fetch(`${world.links}/visit/${id}`)).text(), { maxRedirects: 0 });
    assert.equal(sent.status(), 303);
    await other.page.goto(sent.headers().location);
    await other.page.click('button[value=approve]');
    await says(other, 'You can close this window', 'main');
    assert.deepEqual(other.complaints, []);
    await other.leave();
  });

  person('Acme, with the keyboard alone', '', dark, async (p) => {
    const { page } = p;
    const focused = () => page.evaluate(() => { const e = document.activeElement; return (e.innerText || e.name || e.id || e.tagName).trim(); });
    const tab = async (want) => {
      for (let n = 0; n < 60; n++) {
        await page.keyboard.press('Tab');
        if ((await focused()) === want) return;
      }
      assert.fail(`the keyboard does not get to ${want}`);
    };
    const enter = async () => {
      await page.evaluate(() => { globalThis.before = true; });
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => !globalThis.before && document.readyState !== 'loading');
    };
    // skip leaves out the menu, as who uses the keyboard does.
    const skip = async () => {
      await page.keyboard.press('Tab');
      assert.equal(await focused(), 'Skip to the content');
      await page.keyboard.press('Enter');
    };
    await page.goto(await (await fetch(`${world.links}/admin`)).text());
    await page.waitForFunction(() => document.activeElement.type === 'submit'); // the link is filled in
    await enter();
    await skip();
    await tab('Add a credential');
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none'); // it is seen where one is
    await enter();
    await page.focus('main a[href$="/types/acme"]');
    await enter();
    await skip();
    await tab('_name');
    await page.keyboard.type('By keyboard');
    await tab('baseUrl');
    await page.keyboard.press('Control+A');
    await page.keyboard.type(world.echo);
    await tab('apiKey');
    await page.keyboard.type('EXAMPLE-acme-key');
    await enter();
    await skip();
    await tab('Test');
    await page.keyboard.press('Enter');
    await says(p, 'It works');
    assert.equal(await focused(), 'Test'); // it is where it was
    await tab('Delete it');
    await page.keyboard.press('Enter');
    await says(p, 'Nobody can bring them back', '#ask');
    await page.keyboard.press('Escape');
    assert.equal(await focused(), 'Delete it');
  });

  person('HaloPSA, without script', '', { ...phone, javaScriptEnabled: false }, async (p) => {
    const { page } = p;
    const link = await (await fetch(`${world.links}/admin`)).text();
    const press = async (selector) => { await Promise.all([page.waitForNavigation(), page.click(selector)]); };
    await page.goto(world.page);
    await page.fill('[name=link]', link);
    await press('form[data-signin] button');
    await page.goto(`${world.page}/w/default/types/halopsa`);
    await page.check('[value=hostedHalo]');
    await press('[name=_again]');
    await page.fill('[name=_name]', 'No script');
    await page.fill('[name=tenant]', 'example');
    await page.fill('[name=authUrl]', `${world.halo}/auth`);
    await page.fill('[name=resourceUrl]', `${world.halo}/api`);
    await page.fill('[name=clientId]', '11111111-2222-4333-8444-555555555555');
    await page.fill('[name=clientSecret]', 'EXAMPLE-wrong');
    await press('form.credhost .actions .primary');
    assert.match(await p.text('#status'), /It is ready/);
    await press('form[data-swap] button');
    assert.match(await p.text('#status'), /It does not work/);
    await press('text=Delete it');
    assert.match(await p.text(), /Nobody can bring them back/);
    await press('main button.danger');
    assert.match(await p.text('#done'), /It is deleted/);
    await page.click('.menu');
    await press('.side form button');
    await page.goBack(); // the browser has kept nothing of who has signed out
    assert.match(await p.text(), /You need a sign-in link/);
    assert.ok(!(await page.content()).includes('It is deleted'));
  });

  person('a key is shown once', 'admin', {}, async (p) => {
    await p.at('/w/default/keys/new');
    await p.page.fill('#key-name', 'n8n');
    await p.page.check('#scope-use');
    await p.send('main .primary');
    const token = await p.page.inputValue('#token');
    assert.match(token, /^chk_/);
    await p.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await p.page.click('[data-copy-from]');
    assert.equal(await p.page.evaluate(() => navigator.clipboard.readText()), token);
    await p.shot('token-1280-light');
    await p.send('main a.button');
    assert.ok(!(await p.page.content()).includes(token));
    await p.page.click('text=Delete');
    await says(p, 'end with it', '#ask');
    await p.send('#ask button.danger');
  });

  person('verdicts that are nobody\'s fault', 'admin', {}, async (p) => {
    const make = async (type, answers) => {
      await p.at(`/w/default/types/${type}`);
      for (const [name, answer] of Object.entries(answers)) await p.page.fill(`[name=${name}]`, answer);
      await save(p);
      await tests(p);
    };
    await make('acme', { baseUrl: world.stopped, apiKey: 'EXAMPLE-acme-key' });
    await says(p, 'The service could not be asked');
    assert.equal(await p.page.getAttribute('#status', 'class'), 'card status warn');
    assert.match(await p.text('#verdict'), /Nothing is wrong with the credential, as far as anybody can say/);
    await p.shot('verdict-stopped');
    await make('hellocloud', { baseUrl: `${world.rubbish}/crm`, clientId: 'EXAMPLE-hellocloud-machine', clientSecret: 'EXAMPLE-hellocloud-client-secret' });
    await says(p, 'It does not work: correct “Instance URL”'); // something answers there, and it is not that
    assert.ok(!(await p.text()).includes('maintenance')); // a service's own words are not passed on
    await make('hellocloud', { baseUrl: `${world.rubbish}/broken`, clientId: 'EXAMPLE-hellocloud-machine', clientSecret: 'EXAMPLE-hellocloud-client-secret' });
    await says(p, 'The service could not be asked');
    assert.equal(await p.page.getAttribute('#status', 'class'), 'card status warn');
    assert.ok(!(await p.text()).includes('maintenance')); // a service's own words are not passed on
    await p.shot('verdict-rubbish');
    await make('mortal', { apiKey: 'EXAMPLE-mortal-key' });
    await says(p, 'Nobody can say whether it works: this type has no test');
    assert.equal(await p.page.getAttribute('#status', 'class'), 'card status idle');
    await p.shot('verdict-unknown');
    await p.at('/w/default/credentials');
    assert.match(await p.text(), /Service down[^]*Unknown|Unknown[^]*Service down/);
  });

  person('the trail is verified', 'operator', {}, async (p) => {
    await p.at('/w/default/audit');
    await p.page.click('#state form button');
    await says(p, 'The trail is whole', '#state');
    const head = await p.text('#head');
    assert.match(head, /^[0-9]+:[0-9a-f]{64}$/);
    await p.shot('trail-whole-1280-light');
    await p.page.fill('#given', 'nonsense');
    await p.page.click('#state form button');
    await p.page.waitForSelector('#given-fault, #state .say:has-text("a moment ago")');
  });
}
