// SPDX-License-Identifier: Apache-2.0

// Matches texts with patterns as the attribute pattern of HTML does: one JSON
// object a line in, true or what is wrong a line out.
const { createInterface } = require("node:readline");

createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  const { pattern, text } = JSON.parse(line);
  let said;
  try {
    said = new RegExp(`^(?:${pattern})$`, "v").test(text);
  } catch (error) {
    said = error.message.replaceAll(" ", "_");
  }
  process.stdout.write(said + "\n");
});
