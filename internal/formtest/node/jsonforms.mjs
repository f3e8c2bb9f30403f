// SPDX-License-Identifier: Apache-2.0
//
// The page that shows a form in JSON Forms with its vanilla renderers, as somebody
// would write it who embeds it: what the bundle has for this library, its own
// validator, and the server's faults at their fields.

import { JsonForms } from '@jsonforms/react';
import { vanillaCells, vanillaRenderers } from '@jsonforms/vanilla-renderers';
import { createElement as h, useState } from 'react';

import { begin } from './page.mjs';

function Page({ bundle, send }) {
  const [state, setState] = useState({ data: bundle.data, errors: [] });
  const [additionalErrors, setAdditionalErrors] = useState([]);
  const [tried, setTried] = useState(false);

  // What fails here is said in the host's words.
  const translateError = (error, _, control) => {
    const field = control?.scope?.split('/').at(-1);
    return bundle.messages[field]?.[error.keyword] ?? error.message;
  };
  const submit = async (event) => {
    event.preventDefault();
    setTried(true);
    if (state.errors.length === 0) setAdditionalErrors((await send(state.data)).additionalErrors);
  };
  return h('form', { onSubmit: submit, noValidate: true },
    h(JsonForms, {
      schema: bundle.schema, uischema: bundle.uischema, data: bundle.data,
      renderers: vanillaRenderers, cells: vanillaCells, additionalErrors,
      i18n: { translateError },
      validationMode: tried ? 'ValidateAndShow' : 'ValidateAndHide',
      onChange: setState,
    }),
    h('button', { type: 'submit' }, 'Submit'));
}

begin((bundle, send) => h(Page, { bundle, send }));
