// SPDX-License-Identifier: Apache-2.0
//
// People fill in the libraries' forms under jsdom.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { InJSDOM } from './engines.mjs';
import { Person, scenarios } from './scenarios.mjs';
import { form, submit } from './server.mjs';
import { JSONForms, RJSF } from './surfaces.mjs';

for (const [library, Surface] of [['rjsf', RJSF], ['jsonforms', JSONForms]]) {
  describe(library, { concurrency: 4 }, () => { // since people wait for libraries
    for (const { name, type, setting, run } of scenarios) {
      test(name, async () => {
        const engine = await InJSDOM.open(library, await form(type, setting, library), (answers) => submit(type, setting, answers));
        try {
          await run(new Person(new Surface(engine, await form(type, setting, 'json'))));
          assert.deepEqual(engine.complaints, []);
        } finally {
          engine.close();
        }
      });
    }
  });
}
