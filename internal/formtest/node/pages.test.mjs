// SPDX-License-Identifier: Apache-2.0
//
// Every state of the server's page is looked at by axe, which finds nothing wrong
// with it: narrow and wide, light and dark. Where FORMTEST_SCREENSHOTS names a
// folder, they are photographed, and the libraries' forms, once each.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { InBrowser, launch } from './engines.mjs';
import { form, get, submit } from './server.mjs';
import { HTML } from './surfaces.mjs';

const { FORMTEST_SCREENSHOTS: folder } = process.env;
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
before(async () => {
  if (folder) await mkdir(folder, { recursive: true });
  browser = await launch();
});
after(() => browser.close());

const looks = [[375, 'light'], [1280, 'dark'], [375, 'dark'], [1280, 'light']];

// A state is how a page looks after what is done to it.
const begun = async () => {};
const refused = (surface) => surface.submit();
const filled = async (surface) => {
  for (const [name, value] of Object.entries({
    mirrors: ['https://a.example.com', 'https://b.example.com/a/long/path/that/does/not/fit/into/a/narrow/window'], method: 'key', key: 'k', shop: 'x', proxy: true, tries: 3,
    scopes: ['read', 'write', 'admin'], headers: { 'X-Team': 'blue' }, labels: { チーム: '青', שם: 'ערך' }, hebrew: 'שלום עולם ועוד', arabic: 'السطر الأول\nالسطر الثاني',
    japanese: 'こんにちは 🗾', script: '<b>', claims: '{"a":}',
  })) await surface.set(name, value);
  await surface.submit();
};
const states = [
  ...(await get('/types')).flatMap((type) => [
    { name: `${type}-begun`, type, go: begun },
    { name: `${type}-refused`, type, go: refused },
    { name: `${type}-edited`, type, setting: 'edit', go: begun },
  ]),
  { name: 'halopsa-hosted', type: 'halopsa', all: true, go: (s) => s.set('hostingType', 'hostedHalo') },
  { name: 'halopsa-Chinese', type: 'halopsa', lang: 'zh-Hans', go: refused },
  { name: 'hellocloud-first-version', type: 'hellocloud', go: (s) => s.set('version', '7.10.0') },
  { name: 'faxplus-oauth', type: 'faxplus', go: (s) => s.set('authMethod', 'oauth2') },
  { name: 'faxplus-Russian', type: 'faxplus', lang: 'ru', go: refused },
  { name: 'torture-filled', type: 'torture', all: true, go: filled },
  { name: 'torture-Hebrew', type: 'torture', lang: 'he', go: refused },
  { name: 'torture-application', type: 'torture', setting: 'application', go: refused },
];

// violations returns what axe finds, shortly.
async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' | ')}`);
}

describe('the server\'s page', { concurrency: 2 }, () => {
  // All looks of each would take long, and differ little: they take turns.
  for (const [i, { name, type, setting, lang, all, go }] of states.entries()) {
    test(name, async () => {
      const path = `/page/${type}/${setting || 'new'}${lang ? `?lang=${lang}` : ''}`;
      const engine = await InBrowser.open(browser, path, { viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
      try {
        await go(new HTML(engine, await form(type, setting, 'json'), true));
        for (const [width, colorScheme] of all ? looks : [looks[i % 4]]) {
          await engine.page.setViewportSize({ width, height: 800 });
          await engine.page.emulateMedia({ colorScheme });
          assert.deepEqual(await violations(engine.page), [], `${width} ${colorScheme}`);
          assert.deepEqual(await engine.evaluate(() => [...document.querySelectorAll('[hidden]')].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)), [], 'hidden, and seen');
          const wider = await engine.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.equal(wider, 0, `at ${width} the page is ${wider} wider than the window`);
          if (folder) await engine.page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        }
        assert.deepEqual(engine.complaints, []);
      } finally {
        await engine.close();
      }
    });
  }
});

for (const library of ['rjsf', 'jsonforms']) {
  test(`the form of ${library}`, async () => {
    for (const type of await get('/types')) {
      const engine = await InBrowser.open(browser, `/dist/${library}.html`, { viewport: { width: 800, height: 800 } });
      await engine.show(await form(type, '', library), (answers) => submit(type, '', answers));
      await engine.click('button[type=submit]');
      await engine.settle(100);
      if (folder) await engine.page.screenshot({ path: `${folder}/${library}-${type}.png`, fullPage: true });
      await engine.close();
    }
  });
}
