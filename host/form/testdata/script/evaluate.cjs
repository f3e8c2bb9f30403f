// SPDX-License-Identifier: Apache-2.0

// Evaluates forms with form.js: one JSON object a line in, one a line out.
const { createInterface } = require("node:readline");
const { assume } = require("../../form.js");

createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  const { form, typed } = JSON.parse(line);
  const { asked, offered } = assume(form, new Map(Object.entries(typed)));
  process.stdout.write(JSON.stringify({ asked: [...asked].sort(), offered: Object.fromEntries(offered) }) + "\n");
});
