// SPDX-License-Identifier: Apache-2.0
//
// The server of ../server_test.go, and the table that it hands out.

export const url = process.env.FORMTEST_URL;

async function text(path) {
  const answer = await fetch(url + path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

// get returns a JSON document of the server.
export const get = async (path) => JSON.parse(await text(path));

// form returns a form in a format, such as "rjsf".
export const form = (type, setting, format) => get(`/forms/${type}/${setting || 'new'}/${format}`);

// cases returns the table. What its notations stand for is filled in while it is
// parsed, so that a member named __proto__ stays one.
export async function cases() {
  return JSON.parse(await text('/cases'), (_, v) => {
    if (typeof v?.$repeat === 'string') return v.$repeat.repeat(v.times);
    if (typeof v?.$number === 'string') return JSON.parse(v.$number);
    return v;
  });
}

// submit has the server judge answers.
export async function submit(type, setting, answers) {
  const answer = await fetch(`${url}/forms/${type}/${setting || 'new'}/submit`, { method: 'POST', body: JSON.stringify(answers) });
  return answer.json();
}
