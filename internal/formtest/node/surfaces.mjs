// SPDX-License-Identifier: Apache-2.0
//
// Surfaces are what shows a form. Each knows the markup of one library, and does
// with it what a person does, through an engine: see engines.mjs.
//
//	set(name, value)   answers a field, with a native answer; pairs are an object
//	look()             what is there: by field its input's type and what is said of it
//	submit()           the verdict, or undefined if the form did not send anything
//
// Functions that are handed to evaluate run in the page, and see nothing else.

class Library {
  constructor(engine, schema) {
    Object.assign(this, { engine, schema });
  }

  field(name) { return this.schema.fields.find((f) => f.name === name); }

  // label returns what an option is called.
  label(name, value) {
    const option = this.field(name).options.find((o) => o.value === value);
    return option.title || option.value;
  }

  async set(name, value) {
    const field = this.field(name);
    if (Array.isArray(value) && this.choosesMany(field)) return this.choose(name, value);
    if (Array.isArray(value) || field.kind === 'pairs') return this.rows(name, Array.isArray(value) ? value.map((v) => [v]) : Object.entries(value));
    const at = await this.at(name);
    if (field.kind === 'bool') return this.engine.check(at, value);
    if (field.kind === 'choice' && !field.suggest && value !== '') return this.engine.select(at, [this.label(name, value)]);
    return this.engine.fill(at, String(value));
  }

  choosesMany() { return false; }

  async look() {
    const all = await this.engine.evaluate(this.constructor.seen, this.schema.fields.map((f) => f.name));
    return Object.fromEntries(all);
  }

  async submit() {
    await this.engine.settle(this.constructor.delay);
    await this.engine.evaluate(() => { delete globalThis.sent; delete globalThis.said; });
    await this.engine.click('button[type=submit]');
    await this.engine.settle();
    if (!await this.engine.evaluate(() => globalThis.sent)) return undefined;
    const said = await this.engine.until(() => globalThis.said);
    return JSON.parse(said);
  }
}

// RJSF is react-jsonschema-form with its own theme.
export class RJSF extends Library {
  at(name) { return `#root_${name}`; }

  choosesMany(field) { return field.kind === 'choice' && field.many; }

  async choose(name, values) {
    for (const [i, option] of this.field(name).options.entries()) await this.engine.check(`#root_${name}-${i}`, values.includes(option.value));
  }

  // rows fills in the items of a list, of one or two texts each, after those that
  // are there. Where there must be one it is there, empty.
  async rows(name, rows) {
    const has = await this.engine.evaluate((name) => [...document.querySelectorAll(`#root_${name} > .array-item-list > .rjsf-array-item`)]
      .filter((e) => e.querySelector('input, textarea').value).length, name);
    for (const [i, row] of rows.entries()) {
      const item = `#root_${name}_${has + i}`;
      if (!await this.engine.evaluate((item) => !!document.querySelector(item), item)) await this.engine.click(`#root_${name}__add`);
      await this.engine.settle();
      if (row.length === 1) await this.engine.fill(item, String(row[0]));
      for (const [j, part] of ['name', 'value'].entries()) {
        if (row.length === 2) await this.engine.fill(`${item}_${part}`, row[j]);
      }
    }
  }

  static seen = (names) => names.flatMap((name) => {
    const all = [...document.querySelectorAll(`[id="root_${name}"]`)].filter((e) => e.type !== 'hidden');
    if (all.length > 1) throw new Error(`${name} is there ${all.length} times`);
    return all.map((e) => {
      const said = [...document.querySelectorAll(`[id="root_${name}__error"], [id^="root_${name}_"][id$="__error"]`)];
      const required = !!document.querySelector(`label[for="root_${name}"] .required, [id="root_${name}__title"] .required`);
      return [name, { type: e.type ?? e.localName, value: e.type === 'checkbox' ? e.checked : e.selectedOptions?.[0]?.textContent ?? e.value, required, said: said.map((x) => x.textContent.trim()).join('; ') }];
    });
  });
}

// JSONForms is JSON Forms with its vanilla renderers. What is not asked stays in
// the page, hidden; so does every other variant of a field.
export class JSONForms extends Library {
  adds = true; // to a list of choices, rather than to choose all anew
  tells = ['pin']; // its renderer of numbers hides none
  static delay = 400; // what is typed counts after 300 ms

  // control marks the visible control of a field, and returns where it is.
  async control(name) {
    await this.engine.evaluate((name) => {
      const controls = [...document.querySelectorAll('.control')].filter((e) => [...e.classList].some((c) => c.startsWith('root_') && c.endsWith(`properties_${name}`)));
      for (const e of controls) e.removeAttribute('data-test');
      controls.filter((e) => !e.closest('[hidden]'))[0]?.setAttribute('data-test', name);
    }, name);
    return `[data-test="${name}"]`;
  }

  async at(name) { return `${await this.control(name)} :is(input, select, textarea)`; }

  // rows adds items to a table, of one or two texts each; or to a list, as which
  // JSON Forms shows texts that a schema says more of.
  async rows(name, rows) {
    const at = await this.control(name);
    const chosen = this.field(name).kind === 'choice';
    for (const row of rows) {
      await this.engine.click(`${at} header button`);
      await this.engine.settle();
      for (const [j, text] of row.entries()) {
        const cell = `${at} :is(tbody tr:last-child td:nth-child(${j + 1}), .children > div:last-child) :is(input, select, textarea)`;
        if (chosen) await this.engine.select(cell, [this.label(name, text)]);
        else await this.engine.fill(cell, String(text));
      }
    }
  }

  static seen = (names) => names.flatMap((name) => {
    const all = [...document.querySelectorAll('.control')].filter((e) => !e.closest('[hidden]') && [...e.classList].some((c) => c.startsWith('root_') && c.endsWith(`properties_${name}`)));
    if (all.length > 1) throw new Error(`${name} is there ${all.length} times`);
    return all.map((e) => {
      const input = e.querySelector('input, select, textarea');
      const said = [...e.querySelectorAll('.validation_error, .validation.validation_error, td span')].map((x) => x.textContent.trim()).filter(Boolean);
      return [name, {
        type: e.classList.contains('array-table-layout') ? 'table' : input?.type,
        value: input?.type === 'checkbox' ? input.checked : input?.selectedOptions?.[0]?.label ?? input?.value,
        required: /\*$/.test(e.querySelector('label')?.textContent ?? ''), said: said.join('; '),
      }];
    });
  });
}

// HTML is the server's own form, with or without its script. It forgets secrets
// whenever it is shown again, and does not check by itself here, so that the server
// is heard.
export class HTML extends Library {
  forgets = true;

  constructor(engine, schema, scripted) {
    super(engine, schema);
    this.scripted = scripted;
  }

  at(name) { return `[data-field="${name}"] [name="${name}"]:not([type=hidden])`; }

  async set(name, value) {
    const field = this.field(name);
    const at = this.at(name);
    if (field.kind === 'choice' && field.many) {
      for (const { value: each } of field.options) await this.engine.check(`${at}[value="${each}"]`, value.includes(each));
    } else if (Array.isArray(value)) {
      await this.engine.fill(at, value.join('\n'));
    } else if (field.kind === 'pairs') {
      await this.engine.fill(at, Object.entries(value).map(([n, v]) => `${n}: ${v}`).join('\n'));
    } else if (field.kind === 'bool') {
      await this.engine.check(at, value);
    } else if (field.kind === 'choice' && !field.suggest && await this.engine.evaluate((at) => document.querySelector(at).type === 'radio', at)) {
      await this.engine.check(`${at}[value="${value}"]`, true);
    } else if (field.kind === 'choice' && !field.suggest) {
      await this.engine.select(at, [this.label(name, value)]);
    } else {
      await this.engine.fill(at, String(value));
    }
  }

  // refresh asks for the questions that go with the answers, where no script does.
  async refresh() {
    if (this.scripted) return;
    await this.post('button[name=_again]');
  }

  async post(button) {
    const [answer] = await Promise.all([
      this.engine.page.waitForResponse((r) => r.request().method() === 'POST'),
      this.engine.page.waitForEvent('load'),
      this.engine.click(button),
    ]);
    return answer.headers().verdict;
  }

  async submit() {
    await this.engine.evaluate(() => { document.querySelector('form.credhost').noValidate = true; });
    return JSON.parse(decodeURIComponent((await this.post('.actions .primary')).replaceAll('+', ' ')));
  }

  static seen = (names) => names.flatMap((name) => {
    const box = document.querySelector(`[data-field="${name}"]`);
    const input = [...box?.querySelectorAll(`[name="${name}"]`) ?? []].filter((e) => e.type !== 'hidden' && e.checkVisibility())[0];
    if (!input) return [];
    return [[name, { type: input.type, value: input.type === 'checkbox' ? input.checked : input.value, required: input.required, said: box.querySelector('.fault')?.textContent.trim() ?? '' }]];
  });
}
