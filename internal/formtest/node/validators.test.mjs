// SPDX-License-Identifier: Apache-2.0
//
// Ajv, and the validators that form libraries bring along, say of every case of
// the table what the host says.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { cases, form } from './server.mjs';

// The libraries' modules for import name files that Node.js does not find.
const require = createRequire(import.meta.url);
const Ajv2020 = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;
const { createAjv } = require('@jsonforms/core');
const rjsf = require('@rjsf/validator-ajv8').default;

const table = await cases();
const settings = [...new Set(table.map((c) => `${c.type}/${c.setting ?? ''}`))].map((s) => s.split('/'));

// agrees demands of a validator what the table says.
function agrees(valid, c) {
  let ok;
  try {
    ok = valid(c.answers);
  } catch (e) {
    throw new Error(`${c.type}: ${c.name}: ${e.message}`, { cause: e });
  }
  if (c.lenient || c.beyond) return; // the host alone can say
  assert.equal(ok, c.ok, `${c.type}: ${c.name}`);
}

// Each entry makes, of a form, a function that says whether answers are valid.
const validators = {
  'Ajv 2020, strict': async (type, setting) => {
    const said = [];
    const logger = { log: (s) => said.push(s), warn: (s) => said.push(s), error: (s) => said.push(s) };
    const ajv = addFormats(new Ajv2020({ strict: true, allErrors: true, logger }));
    // These two mean nothing to a validator, and strict mode wants them known.
    ajv.addFormat('password', true);
    const validate = ajv.compile(await form(type, setting, 'jsonschema'));
    assert.deepEqual(said, []);
    return validate;
  },
  'the validator of react-jsonschema-form': async (type, setting) => {
    const { schema } = await form(type, setting, 'rjsf');
    return (answers) => {
      const { errors, validationError } = rjsf.rawValidation(schema, answers);
      if (validationError) throw validationError;
      return !errors?.length;
    };
  },
  'the validator of JSON Forms': async (type, setting) => {
    const { schema } = await form(type, setting, 'jsonforms');
    return createAjv().compile(schema);
  },
};

for (const [name, make] of Object.entries(validators)) {
  for (const [type, setting] of settings) {
    test(`${name}: ${type} ${setting}`, async () => {
      const valid = await make(type, setting);
      for (const c of table.filter((c) => c.type === type && (c.setting ?? '') === setting)) agrees(valid, c);
    });
  }
}
