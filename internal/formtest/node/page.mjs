// SPDX-License-Identifier: Apache-2.0
//
// What the pages have in common: they mount a form where they are told to, and
// keep what was sent and what was said last where a test can look.

import { createRoot } from 'react-dom/client';

// begin lets a test mount what page makes: mount takes the text of a bundle, and
// a function that sends the text of answers and returns that of the verdict. Texts
// alone cross, so that it does not matter which realm the objects are of.
export function begin(page) {
  globalThis.mount = (element, bundle, send) => {
    createRoot(element).render(page(JSON.parse(bundle), async (answers) => {
      globalThis.sent = JSON.stringify(answers);
      globalThis.said = undefined;
      const said = await send(globalThis.sent);
      setTimeout(() => { globalThis.said = said; }, 100); // when it is on the page, for a person to read
      return JSON.parse(said);
    }));
  };
}
