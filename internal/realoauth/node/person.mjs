// SPDX-License-Identifier: Apache-2.0
//
// A person in Chromium: opens a page, signs in, approves, and says what the page
// shows that they come back to. The arguments are the browser, the page, how the
// address begins that they come back to, and the login.

import process from 'node:process';

import { chromium } from 'playwright-core';

const [executablePath, page, home, login] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-component-update', '--disable-background-networking'],
});
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true }); // nobody but the test knows the authority
  const tab = await context.newPage();
  tab.setDefaultTimeout(20_000);
  await tab.goto(page);
  await tab.fill('input[name=login]', login);
  await tab.fill('input[name=password]', 'EXAMPLE-password');
  await tab.click('button[type=submit]');
  await tab.click('form:has(input[value=consent]) button[type=submit]');
  await tab.waitForURL((url) => url.href.startsWith(home));
  const cookies = (await context.cookies()).filter(({ name }) => name.includes('credhost-connect-'))
    .map(({ httpOnly, secure, sameSite, path }) => ({ httpOnly, secure, sameSite, path }));
  console.log(JSON.stringify({ said: await tab.textContent('body'), cookies }));
} finally {
  await browser.close();
}
