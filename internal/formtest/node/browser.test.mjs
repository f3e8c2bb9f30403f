// SPDX-License-Identifier: Apache-2.0
//
// People fill in the libraries' forms, and the server's own, in a browser: the
// latter with and without script, on a narrow and on a wide screen. What goes on
// under jsdom, and with script, is not all done again elsewhere.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { InBrowser, launch } from './engines.mjs';
import { Person, scenarios } from './scenarios.mjs';
import { form, submit } from './server.mjs';
import { HTML, JSONForms, RJSF } from './surfaces.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// A stage opens a form of a scenario, and returns who is in front of it.
const stages = {
  rjsf: (s) => library('rjsf', RJSF, s),
  jsonforms: (s) => library('jsonforms', JSONForms, s),
  'HTML with script': (s) => html('html', true, { viewport: { width: 1280, height: 900 } }, s),
  'HTML without script': (s) => html('page', false, { viewport: { width: 375, height: 800 }, javaScriptEnabled: false }, s),
};

async function library(name, Surface, { type, setting }) {
  const engine = await InBrowser.open(browser, `/dist/${name}.html`);
  await engine.show(await form(type, setting, name), (answers) => submit(type, setting, answers));
  return new Surface(engine, await form(type, setting, 'json'));
}

async function html(kind, scripted, options, { type, setting }) {
  const engine = await InBrowser.open(browser, `/${kind}/${type}/${setting || 'new'}`, options);
  return new HTML(engine, await form(type, setting, 'json'), scripted);
}

for (const [stage, open] of Object.entries(stages)) {
  describe(stage, { concurrency: 2 }, () => {
    for (const scenario of scenarios.filter((s) => s.browser || stage === 'HTML with script')) {
      test(scenario.name, async () => {
        const surface = await open(scenario);
        try {
          await scenario.run(new Person(surface));
          assert.deepEqual(surface.engine.complaints, []);
        } finally {
          await surface.engine.close();
        }
      });
    }
  });
}
