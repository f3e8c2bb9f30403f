// SPDX-License-Identifier: Apache-2.0
//
// The page that shows a form in react-jsonschema-form, as somebody would write it
// who embeds it: what the bundle has for this library, its own validator, and the
// server's faults at their fields.

import Form from '@rjsf/core';
import validator from '@rjsf/validator-ajv8';
import { createElement as h, useState } from 'react';

import { begin } from './page.mjs';

function Page({ bundle, send }) {
  const [data, setData] = useState(bundle.data);
  const [extraErrors, setExtraErrors] = useState();

  // What fails here is said in the host's words, and what fails below a condition is
  // not said of the condition, too.
  const transformErrors = (errors) => errors.filter((e) => e.name !== 'if').map((e) => {
    const field = e.name === 'required' ? e.params.missingProperty : e.property?.split('.')[1];
    const message = bundle.messages[field]?.[e.name];
    return message ? { ...e, message, stack: message } : e;
  });
  return h(Form, {
    schema: bundle.schema, uiSchema: bundle.uiSchema, formData: data, validator, extraErrors, transformErrors,
    noHtml5Validate: true, // a browser's own bubbles hide what the form says
    showErrorList: false,
    onError: () => {}, // which is said at the fields
    onChange: ({ formData }) => { setData(formData); setExtraErrors(undefined); },
    onSubmit: async ({ formData }) => setExtraErrors((await send(formData)).extraErrors),
  });
}

begin((bundle, send) => h(Page, { bundle, send }));
