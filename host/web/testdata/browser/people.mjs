// SPDX-License-Identifier: Apache-2.0
//
// People who sit before the page in Chromium, and what they complain about.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { WEB_TOOLS, WEB_CHROMIUM, WEB_WORLD, WEB_SHOTS } = process.env;
const require = createRequire(`${WEB_TOOLS}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// photographed says that make screenshots is at work, which looks at everything.
export const photographed = Boolean(WEB_SHOTS);

export const world = JSON.parse(readFileSync(WEB_WORLD, 'utf8'));

export const launch = () => chromium.launch({
  executablePath: WEB_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--js-flags=--no-opt,--no-maglev,--always-sparkplug', '--renderer-process-limit=2'], // pages do not live long enough for better code
});

// Rules that look at what a width shows and hides, and at colours.
const parts = {
  all: undefined,
  width: ['aria-hidden-focus', 'button-name', 'bypass', 'landmark-one-main', 'link-name', 'nested-interactive', 'page-has-heading-one', 'region', 'scrollable-region-focusable', 'target-size'],
  colours: ['color-contrast', 'link-in-text-block'],
};

// Who has signed in once is signed in in further browsers, too: by role.
const cookies = {};

// A Person is somebody with a browser, who has signed in unless the role is "".
export class Person {
  complaints = [];

  static async come(browser, role, { provider, ...options } = {}) {
    const p = new Person();
    p.context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', viewport: { width: 1280, height: 900 }, ...options });
    p.context.setDefaultTimeout(180_000); // beside much else
    await p.context.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
    // The provider is a stand-in on this machine, under the address of the real one.
    // Only who goes there has it: it switches the browser's cache off.
    if (provider) {
      await p.context.route('https://accounts.fax.plus/**', async (route) => {
        const response = await route.fetch({ url: route.request().url().replace('https://accounts.fax.plus', world.fax), maxRedirects: 0 });
        await route.fulfill({ response });
      });
    }
    p.context.on('page', (page) => p.watch(page));
    p.page = await p.context.newPage();
    if (role && cookies[role]) {
      await p.context.addCookies(await cookies[role]);
      await p.at('/');
    } else if (role) {
      cookies[role] = p.signIn(role).then(() => p.context.cookies());
      await cookies[role];
    }
    return p;
  }

  // beside is the same person, in another tab.
  async beside() {
    const p = new Person();
    Object.assign(p, { context: this.context, complaints: this.complaints, page: await this.context.newPage() });
    return p;
  }

  watch(page) {
    page.on('pageerror', (e) => this.complaints.push(String(e)));
    page.on('console', (m) => {
      if (!['error', 'warning'].includes(m.type())) return;
      if (/status of (401|403|404|409|422)/.test(m.text())) return; // a page that says what is wrong
      this.complaints.push(`${page.url()}: ${m.text()}`);
    });
  }

  async signIn(role) {
    await this.page.goto('about:blank');
    await this.page.goto(await (await fetch(`${world.links}/${role}`)).text());
    await this.send('form[data-signin] button');
  }

  at(path) { return this.page.goto(world.page + path); }

  // go follows what leads to another page, and waits for that.
  async send(selector) {
    const was = await this.page.evaluate(() => { globalThis.before = true; return location.href; });
    await this.page.click(selector);
    await this.page.waitForFunction(() => !globalThis.before && document.readyState !== 'loading', null, { polling: 30 });
    return was;
  }

  text(selector = 'main') { return this.page.innerText(selector); }

  shot(name) { return WEB_SHOTS ? this.page.screenshot({ path: `${WEB_SHOTS}/${name}.png`, fullPage: true }) : undefined; }

  // flaws are what axe finds, and what is wider than the screen. What of its rules
  // can find something else than before on the same page is a part: all, since the
  // page is new; what a width decides; or what colours do.
  async flaws(as = '', part = 'all') {
    const { page } = this;
    if (!await page.evaluate(() => 'axe' in globalThis)) await page.evaluate(`${axe};0`); // not by an element, which the policy forbids
    const found = await page.evaluate(async (runOnly) => {
      await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})));
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'], preload: false, runOnly });
      const all = violations.map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message || n.all[0]?.message || '')).slice(0, 3).join(' | ')}`);
      return all;
    }, parts[part]);
    return [...found.map((f) => `${new URL(page.url()).pathname} ${as}: ${f}`), ...await this.wide(as)];
  }

  // wide is what is wider than the screen.
  async wide(as) {
    const found = await this.page.evaluate(() => {
      const by = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      if (by <= 0) return [];
      const who = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1).map((e) => `${e.tagName}.${e.className}`);
      return [`wider than the screen by ${by}: ${who.slice(0, 4).join(', ')}`];
    });
    return found.map((f) => `${new URL(this.page.url()).pathname} ${as}: ${f}`);
  }

  leave() { return this.context.close(); }
}
