// SPDX-License-Identifier: Apache-2.0
//
// The page that shows a form in JSON Forms with its vanilla renderers, as somebody
// would write it who embeds it: what the bundle has for this library, its own
// validator, and the server's faults at their fields.

import { JsonForms } from '@jsonforms/react';
import { vanillaCells, vanillaRenderers } from '@jsonforms/vanilla-renderers';
import { createElement as h, useRef, useState } from 'react';

import { begin } from './page.mjs';

function Page({ bundle, send }) {
  const now = useRef({ data: bundle.data, errors: [] });
  // JSON Forms goes back to the data that it is given whenever one of its properties
  // changes, so it is given them anew at those moments only: what is typed while a
  // change is under way would be lost otherwise.
  const [given, setGiven] = useState({ data: bundle.data, additionalErrors: [], validationMode: 'ValidateAndHide' });

  // What fails here is said in the host's words.
  const translateError = (error, _, control) => {
    const field = control?.scope?.split('/').at(-1);
    return bundle.messages[field]?.[error.keyword] ?? error.message;
  };
  const submit = async (event) => {
    event.preventDefault();
    const additionalErrors = now.current.errors.length ? [] : (await send(now.current.data)).additionalErrors;
    setGiven({ data: now.current.data, additionalErrors, validationMode: 'ValidateAndShow' });
  };
  return h('form', { onSubmit: submit, noValidate: true },
    h(JsonForms, {
      schema: bundle.schema, uischema: bundle.uischema, ...given,
      renderers: vanillaRenderers, cells: vanillaCells, i18n: { translateError }, onChange: (state) => { now.current = state; },
    }),
    h('button', { type: 'submit' }, 'Submit'));
}

begin((bundle, send) => h(Page, { bundle, send }));
