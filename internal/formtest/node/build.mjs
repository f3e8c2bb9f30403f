// SPDX-License-Identifier: Apache-2.0
//
// Bundles the pages that show the libraries' forms into the folder FORMTEST_DIST.

import { writeFile } from 'node:fs/promises';

import { build } from 'esbuild';

const { FORMTEST_DIST: dist } = process.env;

await build({
  entryPoints: ['rjsf.mjs', 'jsonforms.mjs'],
  bundle: true,
  outdir: dist,
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  logLevel: 'warning',
});

for (const library of ['rjsf', 'jsonforms']) {
  await writeFile(`${dist}/${library}.html`, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${library}</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>[hidden] { display: none !important } body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem } label { display: block }
input:not([type=checkbox]), select, textarea { width: 100%; box-sizing: border-box } .form-group, .control { margin: 1rem 0 }
.text-danger, .validation_error { color: #a8201a }</style></head>
<body><main id="app"></main><script src="${library}.js"></script></body></html>
`);
}
