// SPDX-License-Identifier: Apache-2.0
//
// Bundles the pages that show the libraries' forms into the folder FORMTEST_DIST.

import { build } from 'esbuild';

await build({
  entryPoints: ['rjsf.mjs', 'jsonforms.mjs'],
  bundle: true,
  outdir: process.env.FORMTEST_DIST,
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  logLevel: 'warning',
});
