// SPDX-License-Identifier: Apache-2.0

// Shows and hides the fields of credhost's forms as answers change. It decides
// as sdk.Schema.Assume does on the host: assume() is that function again, and a
// Go test holds the two to each other. Without this file a button does the work.
(() => {
  "use strict";

  const spaces = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+"; // Go's, not those of trim()
  const edges = new RegExp(`^${spaces}|${spaces}$`, "g");
  const controls = /[\x00-\x1f\x7f\x85\u2028\u2029]/;
  const time = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  const tooLong = (text) => text.length > 87381 && new TextEncoder().encode(text).length > 262144;

  // What an answer must look like, by kind: its canonical text, or null.
  const kinds = {
    longText: (text) => text,
    url: (text) => text.replace(/\/+$/, "").replace(/^[^/]*\/\/[^/]*/, (origin) => origin.toLowerCase()),
    bool: (text) => (text === "true" || text === "false" ? text : null),
    number: (text) => {
      if (/^-?(0|[1-9]\d{0,30})$/.test(text) && text !== "-0") return text;
      return /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text) && isFinite(text) ? String(Number(text) + 0) : null;
    },
    dateTime: (text) => (time.test(text) && new Date(text.slice(0, 10)).getUTCDate() === +text.slice(8, 10) ? text : null),
    json: (text) => {
      const value = parsed(text);
      return value === undefined ? null : value === null ? "" : text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
    },
    pairs: (text) => {
      const value = parsed(text);
      const fits = value && typeof value === "object" && !Array.isArray(value) && Object.values(value).every((v) => typeof v === "string");
      return !fits ? null : Object.keys(value).length ? text : "";
    },
  };
  const line = (text) => (controls.test(text) ? null : text);

  function parsed(text) {
    try { return JSON.parse(text); } catch { return undefined; }
  }

  // One answer as it counts for conditions: "" is none, null is a wrong one.
  function one(field, text) {
    if (tooLong(text)) return null;
    if (!field.secret && field.kind !== "longText") text = text.replace(edges, "");
    if (text === "") return "";
    if (text.includes("\0")) return null;
    text = (kinds[field.kind] || line)(text);
    if (!text) return text;
    if (field.like && !new RegExp(field.like, "u").test(text)) return null;
    const size = field.kind === "number" ? Number(text) : [...text].length;
    if (size < field.min || size > field.max || tooLong(text)) return null;
    return field.pattern && !new RegExp(field.pattern, "u").test(text) ? null : text;
  }

  function answer(field, typed) {
    if (!field.many || !Array.isArray(typed)) return typed === null || (field.many && typed) ? null : one(field, typed || "");
    const all = typed.map((text) => one(field, text)).filter((text) => text !== "");
    const twice = field.kind === "choice" && new Set(all).size < all.length;
    return all.includes(null) || twice ? null : all.length ? all : "";
  }

  // What is asked and answered, if a person has typed this: a text for each
  // name, a list where there are many, null for what is of no kind at all.
  function assume(form, typed, cleared = new Set()) {
    const fields = new Map(form.fields.map((field) => [field.name, field]));
    const [full, asked, offered, defaults] = [new Map(), new Set(), new Map(), new Map()];
    const seen = new Set();

    function holds(when) {
      if (!when) return true;
      if (when.and) return when.and.every(holds);
      if (when.or) return when.or.some(holds);
      if (when.not) return !holds(when.not);
      visit(when.field);
      const has = full.get(when.field) || "";
      return when.present ? has.length > 0 : Array.isArray(has) ? has.includes(when.is) : has === when.is;
    }

    function visit(name) {
      const field = fields.get(name);
      if (!field || seen.has(name)) return;
      seen.add(name);
      if ("given" in field) return full.set(name, field.given);
      if (!holds(field.when)) return;
      asked.add(name);
      if (field.options) offered.set(name, field.options.filter((option) => holds(option.when)).map((option) => option.value));
      const fits = (value) => field.suggest || !field.options || [].concat(value).every((v) => offered.get(name).includes(v));
      let def = ((field.defaults || []).find((d) => holds(d.when)) || { value: field.default || "" }).value;
      if (def.length && !fits(def)) def = "";
      if (!def.length && field.kind === "bool") def = "false";
      defaults.set(name, def);
      let value = typed.get(name);
      if (field.kind === "hidden") return value && value !== def ? undefined : full.set(name, def);
      if (field.set && !cleared.has(name) && (!value || !value.length) && value !== null) return full.set(name, "set");
      value = answer(field, value);
      if (value === "") value = def;
      if (value !== null && fits(value)) full.set(name, value);
    }

    for (const name of fields.keys()) visit(name);
    return { asked, offered, defaults, full, holds };
  }

  if (typeof module === "object") {
    module.exports = { assume };
    return;
  }

  const rounds = 8; // as maxRounds on the host
  const forms = new WeakMap();
  const lines = (text) => text.split("\n");

  // What is typed into a control that stands for a kind.
  function answerOf(field, text) {
    if (field.kind === "dateTime") return text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(\.\d+)?)?$/, (_, minute, second) => minute + (second || ":00") + "Z");
    if (field.kind !== "pairs" || !text.trim() || (text.trim()[0] === "{" && parsed(text))) return text;
    const rows = lines(text).map((row) => row.trim()).filter(Boolean).map((row) => [row.split(":", 1)[0].trim(), row]);
    if (rows.some(([name, row]) => !name || !row.includes(":")) || new Set(rows.map(([name]) => name)).size < rows.length) return null;
    return JSON.stringify(Object.fromEntries(rows));
  }

  function read(box, field) {
    const named = [...box.querySelectorAll(`[name="${field.name}"]`)];
    const chosen = named.filter((el) => el.checked).map((el) => el.value);
    const text = named.find((el) => !["checkbox", "radio", "hidden"].includes(el.type));
    if (field.kind === "bool") return chosen.length ? "true" : "false";
    if (!field.many) return text ? answerOf(field, text.value) : chosen[0] || "";
    const whole = field.kind === "longText" && text ? parsed(text.value) : undefined;
    return Array.isArray(whole) ? whole : chosen.concat(text ? lines(text.value).map((row) => answerOf(field, row)) : []).filter(Boolean);
  }

  function write(box, field, value) {
    for (const el of box.querySelectorAll(`[name="${field.name}"]`)) {
      if (el.type === "radio" || (el.type === "checkbox" && field.many)) el.checked = [].concat(value).includes(el.value);
      else if (el.type === "checkbox") el.checked = value === "true";
      else if (el.type !== "hidden") el.value = field.many && field.kind === "choice" ? "" : [].concat(value).join("\n");
    }
  }

  // Offers the options that go with the other answers. One that is chosen and
  // not offered any more is given up.
  function offer(box, values) {
    let dropped = false;
    for (const el of box.querySelectorAll("[data-option]")) {
      const control = el.querySelector("input") || el;
      const away = !values.includes(control.value);
      if (away && (control.checked || control.selected)) {
        if (control === el) el.closest("select").value = "";
        else control.checked = false;
        dropped = true;
      }
      el.hidden = control.disabled = away;
    }
    return dropped;
  }

  function round(form, { spec, boxes }) {
    const typed = new Map(), cleared = new Set();
    for (const field of spec.fields) {
      const box = boxes.get(field.name);
      if (!box) continue;
      typed.set(field.name, read(box, field));
      if (box.querySelector('[name^="_clear."]:checked')) cleared.add(field.name);
    }
    const now = assume(spec, typed, cleared);
    let changed = false;
    for (const field of spec.fields) {
      const box = boxes.get(field.name);
      if (!box || !(field.when || field.options || field.defaults)) continue;
      const asked = now.asked.has(field.name);
      box.hidden = !asked;
      for (const el of box.querySelectorAll("fieldset")) el.disabled = !asked;
      if (!asked) continue;
      const held = () => String([].concat(read(box, field)).filter(Boolean));
      if (field.options && offer(box, now.offered.get(field.name))) {
        changed = true;
        if (!held()) box.dataset.assumed = "";
      }
      const def = now.defaults.get(field.name);
      if ("assumed" in box.dataset && held() !== String(def)) {
        write(box, field, def);
        changed = true;
      }
      for (const el of box.querySelectorAll("[data-needed]")) el.required = !def.length;
    }
    for (const el of form.querySelectorAll("[data-when]")) el.hidden = !now.holds(JSON.parse(el.dataset.when));
    return changed;
  }

  function update(form) {
    for (let n = 0; n < rounds && round(form, forms.get(form)); n++);
    for (const el of form.querySelectorAll("[data-help]")) {
      const select = el.closest("[data-field]").querySelector("select");
      el.hidden = select.value !== el.dataset.help;
    }
  }

  function begin(form) {
    if (!form || forms.has(form)) return form;
    const boxes = new Map([...form.querySelectorAll("[data-field]")].map((box) => [box.dataset.field, box]));
    forms.set(form, { spec: JSON.parse(form.dataset.form), boxes });
    for (const el of form.querySelectorAll("[data-noscript]")) el.hidden = true;
    for (const el of form.querySelectorAll("[data-copy]")) el.hidden = false;
    update(form);
    const faults = form.querySelector("[role=alert]");
    if (faults) faults.focus();
    return form;
  }

  async function copy(button) {
    const from = document.getElementById(button.dataset.copy);
    from.select();
    try { await navigator.clipboard.writeText(from.value); } catch { document.execCommand("copy"); }
    const said = button.parentElement.querySelector("[role=status]");
    said.textContent = said.dataset.copied;
    setTimeout(() => { said.textContent = ""; }, 3000);
  }

  const formOf = (event) => begin(event.target.closest && event.target.closest("form[data-form]"));
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      const form = formOf(event);
      if (!form) return;
      const box = event.target.closest("[data-field]");
      if (box) delete box.dataset.assumed;
      update(form);
    });
  }
  document.addEventListener("focusin", formOf);
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-copy]");
    if (formOf(event) && button) copy(button);
  });

  window.credhostForm = (root) => (root.matches("form[data-form]") ? [root] : [...root.querySelectorAll("form[data-form]")]).forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => window.credhostForm(document.body));
  else window.credhostForm(document.body);
})();
