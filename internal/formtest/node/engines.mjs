// SPDX-License-Identifier: Apache-2.0
//
// Engines are what runs a page: jsdom, or a browser. They do what a person's hands
// do, and evaluate functions in the page.

import { readFile } from 'node:fs/promises';

import { userEvent } from '@testing-library/user-event';
import { JSDOM, VirtualConsole } from 'jsdom';
import { chromium } from 'playwright-core';

import { url } from './server.mjs';

const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

// retry calls f until it throws nothing, for as long as a busy machine may take.
export async function retry(f) {
  for (const end = Date.now() + 60_000; ; await wait(20)) {
    try {
      return await f();
    } catch (e) {
      if (Date.now() > end) throw e;
    }
  }
}

// Engine has what both engines do alike.
class Engine {
  complaints = []; // what the page reported on its console

  until(f) {
    return retry(async () => {
      const v = await this.evaluate(f);
      if (!v) throw new Error('nothing came');
      return v;
    });
  }

  // settle waits for what libraries put off. It waits in the page, whose clock goes
  // slowly when the machine is busy.
  async settle(ms = 25) {
    await this.evaluate((ms) => { globalThis.settled = false; setTimeout(() => { globalThis.settled = true; }, ms); }, ms);
    await this.until(() => globalThis.settled);
  }
}

// InJSDOM runs one of the bundled pages under jsdom, with the events that a person
// would cause.
export class InJSDOM extends Engine {
  static async open(library, bundle, send) {
    const script = await readFile(`${process.env.FORMTEST_DIST}/${library}.js`, 'utf8');
    const engine = new InJSDOM();
    const terminal = new VirtualConsole();
    for (const level of ['error', 'warn', 'jsdomError']) terminal.on(level, (...all) => engine.complaints.push(all.map(String).join(' ')));
    engine.dom = new JSDOM('<!doctype html><title>form</title><div id="app"></div>',
      { runScripts: 'dangerously', pretendToBeVisual: true, virtualConsole: terminal, url: 'http://forms.example/' });
    engine.window = engine.dom.window;
    // jsdom has no structuredClone. What is cloned here is JSON.
    engine.window.eval('globalThis.structuredClone = (v) => v === undefined ? v : JSON.parse(JSON.stringify(v))');
    engine.window.eval(script);
    engine.user = userEvent.setup({ document: engine.window.document, delay: null });
    engine.window.mount(engine.window.document.getElementById('app'), JSON.stringify(bundle), async (answers) => JSON.stringify(await send(JSON.parse(answers))));
    await engine.until(() => document.querySelector('button[type=submit]') && 'there');
    return engine;
  }

  async evaluate(f, ...args) { return this.window.eval(`(${f})(...${JSON.stringify(args)})`); }

  one(at) {
    const all = this.window.document.querySelectorAll(at);
    if (all.length !== 1) throw new Error(`${at} is there ${all.length} times`);
    return all[0];
  }

  async fill(at, text) {
    const element = this.one(at);
    if (element.type === 'datetime-local') { // which jsdom has no parts of
      const { set } = Object.getOwnPropertyDescriptor(this.window.HTMLInputElement.prototype, 'value');
      set.call(element, text);
      element.dispatchEvent(new this.window.Event('input', { bubbles: true }));
      return element.dispatchEvent(new this.window.Event('change', { bubbles: true }));
    }
    // A person types over what is there: JSON Forms drops an item that is emptied.
    const all = { initialSelectionStart: 0, initialSelectionEnd: element.value.length };
    if (text === '') await this.user.clear(element);
    else if (text.length < 4) await this.user.type(element, text, all);
    else { // and pastes what is long
      await this.user.click(element);
      element.select();
      await this.user.paste(text);
    }
    await this.settle();
  }

  async select(at, labels) {
    const element = this.one(at);
    const options = [...element.options].filter((o) => labels.includes(o.label || o.textContent));
    if (options.length !== labels.length) throw new Error(`${at} offers ${[...element.options].map((o) => o.label)}, not ${labels}`);
    if (element.multiple) await this.user.deselectOptions(element, [...element.selectedOptions]);
    await this.user.selectOptions(element, options);
    await this.settle();
  }

  async check(at, on) {
    if (this.one(at).checked !== on) await this.user.click(this.one(at));
    await this.settle();
  }

  click(at) { return this.user.click(this.one(at)); }

  close() { this.window.close(); }
}

// launch starts the browser that FORMTEST_CHROMIUM names.
export const launch = () => chromium.launch({
  executablePath: process.env.FORMTEST_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--js-flags=--no-opt,--no-maglev,--always-sparkplug', '--renderer-process-limit=1'], // pages do not live long enough for better code
});

// Pages that are opened alike share a context, and so a process that has read the
// libraries already: nothing of one, such as a cookie, is of use to another.
const contexts = {};

// InBrowser runs a page of the server in a browser.
export class InBrowser extends Engine {
  static async open(browser, path, options = {}) {
    const engine = new InBrowser();
    const like = JSON.stringify(options);
    contexts[like] ||= browser.newContext({ locale: 'en-US', timezoneId: 'UTC', ...options });
    engine.page = await (await contexts[like]).newPage();
    engine.page.setDefaultTimeout(60_000);
    engine.page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !/422/.test(m.text())) engine.complaints.push(m.text()); });
    engine.page.on('pageerror', (e) => engine.complaints.push(String(e)));
    await engine.page.goto(url + path);
    return engine;
  }

  // show mounts a library's form, as the bundled pages do.
  async show(bundle, send) {
    await this.page.exposeFunction('send', async (answers) => JSON.stringify(await send(JSON.parse(answers))));
    await this.page.evaluate((text) => globalThis.mount(document.getElementById('app'), text, globalThis.send), JSON.stringify(bundle));
    await this.until(() => document.querySelector('button[type=submit]') && 'there');
    return this;
  }

  // evaluate works without the page's script, too.
  evaluate(f, ...args) { return this.page.evaluate(`(${f})(...${JSON.stringify(args)})`); }

  fill(at, text) { return this.page.fill(at, text); }

  select(at, labels) { return this.page.selectOption(at, labels.map((label) => ({ label }))); }

  async check(at, on) {
    if (await this.page.isChecked(at) !== on) await this.page.click(at);
    await retry(async () => { if (await this.page.isChecked(at) !== on) throw new Error(`${at} stays as it is`); });
  }

  click(at) { return this.page.click(at); }

  close() { return this.page.close(); }
}
