// SPDX-License-Identifier: Apache-2.0

// Fills in all forms of a page at random, and leaves in #results what is there
// after each answer.
"use strict";
addEventListener("DOMContentLoaded", () => {
  let seed = 1;
  const below = (n) => { seed = (seed * 48271) % 2147483647; return seed % n; };
  const pick = (all) => all[below(all.length)];
  const texts = ["a", "b", " a ", "", "1", "2", "1.0", "nope", "https://example.com", "https://x@example.com", "x: y", '{"a":[1]}', "2026-11-21T22:17", "a\nb", "fixed"];
  const errors = [];
  addEventListener("error", (event) => errors.push(event.message));

  function act(form) {
    const el = pick([...form.elements].filter((el) => el.name && el.type !== "hidden" && !el.matches(":disabled")) || []);
    if (!el) return;
    if (el.type === "radio") el.checked = true;
    else if (el.type === "checkbox") el.checked = below(2) === 0;
    else if (el.tagName === "SELECT") el.value = pick([...el.options].filter((o) => !o.disabled)).value;
    else el.value = pick(texts);
    el.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function look(form) {
    const enabled = [], wrong = [];
    for (const el of form.elements) {
      if (!el.name || el.name[0] === "_" || el.matches(":disabled")) continue;
      if (el.closest("[hidden]") && el.type !== "hidden") wrong.push(`${el.name} can be answered and is not seen`);
      if (el.tagName === "SELECT") enabled.push(...[...el.options].filter((o) => !o.disabled).map((o) => `${el.name}=${o.value}`));
      else enabled.push(["radio", "checkbox"].includes(el.type) ? `${el.name}=${el.value}` : el.name);
    }
    for (const el of form.querySelectorAll("[data-field]")) if (!el.hidden && el.querySelector(":scope > fieldset:disabled")) wrong.push(`${el.dataset.field} is seen and cannot be answered`);
    if (form.querySelector("[data-noscript]:not([hidden])")) wrong.push("the button for those without script is seen");
    return { Posted: [...new FormData(form)], Enabled: enabled, Errors: wrong.concat(errors.splice(0)) };
  }

  const results = [];
  for (const place of document.querySelectorAll(".case")) {
    let form = place.querySelector("form");
    if (!form) {
      form = place.content.querySelector("form");
      document.body.append(form);
    }
    window.credhostForm(form); // does nothing twice
    const seen = [look(form)];
    for (let i = 0; i < 12; i++) {
      act(form);
      seen.push(look(form));
    }
    results.push(seen);
  }
  const pre = document.createElement("pre");
  pre.id = "results";
  pre.textContent = JSON.stringify(results);
  document.body.replaceChildren(pre);
});
