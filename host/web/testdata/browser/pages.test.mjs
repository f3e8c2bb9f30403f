// SPDX-License-Identifier: Apache-2.0
//
// Every page, in both themes, narrow and wide: axe finds nothing, nothing is wider
// than the screen, and no policy is broken.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Person, launch, world } from './people.mjs';

let browser, ids;
before(async () => {
  browser = await launch();
  ids = world;
});
after(() => browser.close());

const w = '/w/default';
const pages = () => ['/signin', `${w}/credentials`, `${w}/credentials?q=nothing+is+called+this`, `${w}/credentials/${ids.works}`, `${w}/credentials/${ids.wrong}`,
  `${w}/credentials/${ids.unconnected}`, `${w}/credentials/${ids.wrong}/edit`, `${w}/credentials/${ids.works}/delete`, `${w}/types`, `${w}/types/halopsa`,
  `${w}/types/faxplus`, `${w}/applications`, `${w}/keys`, `${w}/keys/new`, `${w}/short-key`, `${w}/people`, `${w}/webhooks`, `${w}/new-webhook`, `${w}/audit`,
  '/plugins', '/plugins/faxplus', '/plugins/faxplus/distrust', '/workspaces', '/about', '/nowhere'];

const settings = {
  'wide, light': { colorScheme: 'light' },
  'narrow, dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
};

describe('pages', { concurrency: 2 }, () => {
  for (const [name, options] of Object.entries(settings)) {
    test(name, async () => {
      const p = await Person.come(browser, 'operator', options);
      const flaws = [];
      for (const path of pages()) {
        await p.at(path);
        flaws.push(...await p.flaws());
        await p.shot(`${path.replace(/[^a-z]+/gi, '-')}-${name.replace(/\W+/g, '-')}`.replace(/-c-[a-z0-9]{20,}/, ''));
      }
      await p.leave();
      assert.deepEqual([...flaws, ...p.complaints], []);
    });
  }

  test('themes and languages are remembered', async () => {
    const p = await Person.come(browser, 'admin', { colorScheme: 'light', locale: 'pt-BR' });
    assert.equal(await p.page.getAttribute('html', 'lang'), 'pt-BR');
    await p.send('footer [value=dark]');
    assert.equal(await p.page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(20, 23, 27)');
    await p.send('footer [value=ru]');
    await p.at(`${w}/types/halopsa`);
    assert.equal(await p.page.getAttribute('html', 'lang'), 'ru');
    assert.equal(await p.page.evaluate(() => getComputedStyle(document.querySelector('form.credhost input[type=url]')).backgroundColor), 'rgb(27, 31, 36)');
    for (const language of ['ru', 'zh-Hans', 'pt-BR']) {
      await p.send(`footer [value=${language}]`);
      for (const path of [`${w}/credentials`, `${w}/credentials/${ids.wrong}`, `${w}/keys/new`]) {
        await p.at(path);
        assert.deepEqual(await p.flaws(), []);
        await p.shot(`${language}-${path.split('/').at(-1).slice(0, 12)}`);
      }
    }
    await p.leave();
    assert.deepEqual(p.complaints, []);
  });
});
