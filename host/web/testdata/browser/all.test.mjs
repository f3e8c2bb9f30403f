// SPDX-License-Identifier: Apache-2.0
//
// All people, in one browser.

import { after, before, describe, test } from 'node:test';

import { journeys } from './journeys.mjs';
import { pages } from './pages.mjs';
import { launch } from './people.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

describe('the page', { concurrency: 3 }, () => {
  pages(test, () => browser);
  journeys(test, () => browser);
});
