// SPDX-License-Identifier: Apache-2.0
//
// Every page, in both themes, on a phone, a tablet and a wide screen, and from
// right to left: axe finds nothing, nothing is wider than the screen, and no policy
// is broken. A page is loaded once, and changes in its tab. Questions and empty lists
// look like those that are here. Axe sees every state where make screenshots looks.

import assert from 'node:assert/strict';

import { Person, photographed, world } from './people.mjs';

const w = '/w/default';
const paths = (ids) => ['/signin', `${w}/credentials`, `${w}/credentials/${ids.works}`, `${w}/credentials/${ids.wrong}`,
  `${w}/credentials/${ids.unconnected}`, `${w}/credentials/${ids.wrong}/edit`, `${w}/credentials/${ids.secured}/edit`, `${w}/credentials/${ids.works}/delete`, `${w}/types`, `${w}/types/halopsa`,
  `${w}/applications`, `${w}/applications/${ids.application}`, `${w}/keys`, `${w}/keys/new`, `${w}/short-key`, `${w}/people`, `${w}/webhooks`, `${w}/new-webhook`, `${w}/audit`,
  '/plugins', '/plugins/faxplus', '/workspaces', '/about', '/nowhere'];

const screens = { phone: { width: 360, height: 740 }, tablet: { width: 768, height: 1024 }, wide: { width: 1440, height: 900 } };

// States are how a page can look: on which screen, in which colours, which of axe's
// rules can find something that they have not found in a state before, and whether
// it is enough that make screenshots looks, since other states have the same parts.
const states = [
  { screen: 'phone', colorScheme: 'light', rules: 'all' },
  { screen: 'phone', colorScheme: 'dark', rules: 'colours', seldom: true },
  { screen: 'wide', colorScheme: 'light', rules: 'width' },
  { screen: 'wide', colorScheme: 'dark', rules: 'colours' },
  { screen: 'tablet', colorScheme: 'light', rules: 'width', seldom: true },
  { screen: 'tablet', colorScheme: 'dark', rules: 'colours', seldom: true },
  { screen: 'wide', colorScheme: 'dark', forcedColors: 'active', rules: 'width', seldom: true },
];

// looks has a page look as it can look, and returns what is wrong then.
async function looks(p, path) {
  const flaws = [], name = path.replace(/[^a-z]+/gi, '-').replace(/-c-[a-z0-9]{20,}|-a-[a-z0-9]{20,}/, '');
  for (const { screen, colorScheme, forcedColors = 'none', rules, seldom } of states) {
    const as = `${screen}-${forcedColors === 'active' ? 'forced' : colorScheme}`;
    await p.page.setViewportSize(screens[screen]);
    if (seldom && !photographed) {
      flaws.push(...await p.wide(as));
      continue;
    }
    await p.page.emulateMedia({ colorScheme, forcedColors, reducedMotion: 'reduce' });
    flaws.push(...await p.flaws(as, rules));
    await p.shot(`${name}-${as}`);
  }
  await p.page.emulateMedia({ forcedColors: 'none' });
  await p.page.evaluate(() => { document.documentElement.dir = 'rtl'; });
  flaws.push(...photographed ? await p.flaws('from right to left', 'width') : await p.wide('from right to left'));
  return flaws;
}

export function pages(test, browser) {
  test('every page, however it looks', async () => {
    const p = await Person.come(browser(), 'operator');
    const left = paths(world), flaws = [];
    const look = async (tab) => {
      for (let path = left.shift(); path; path = left.shift()) {
        await tab.at(path);
        flaws.push(...await looks(tab, path));
      }
    };
    await Promise.all([look(p), look(await p.beside())]);
    await p.leave();
    assert.deepEqual([...flaws, ...p.complaints], []);
  });

  test('themes and languages are remembered', async () => {
    const p = await Person.come(browser(), 'admin', { colorScheme: 'light', locale: 'pt-BR', reducedMotion: 'reduce', viewport: screens.phone });
    assert.equal(await p.page.getAttribute('html', 'lang'), 'pt-BR');
    await p.send('footer [value=dark]');
    assert.equal(await p.page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(20, 23, 27)');
    await p.send('footer [value=ru]');
    await p.at(`${w}/types/halopsa`);
    assert.equal(await p.page.getAttribute('html', 'lang'), 'ru');
    assert.equal(await p.page.evaluate(() => getComputedStyle(document.querySelector('form.credhost input[type=url]')).backgroundColor), 'rgb(27, 31, 36)');
    for (const language of ['ru', 'zh-Hans', 'pt-BR']) {
      await p.send(`footer [value=${language}]`);
      for (const path of [`${w}/credentials/${world.wrong}`, `${w}/keys/new`, `${w}/audit`]) {
        await p.at(path);
        assert.equal(await p.page.getAttribute('html', 'lang'), language);
        assert.deepEqual(await p.wide(language), []);
        await p.shot(`${language}-${path.split('/').at(-1).slice(0, 12)}`);
      }
    }
    await p.leave();
    assert.deepEqual(p.complaints, []);
  });
}
