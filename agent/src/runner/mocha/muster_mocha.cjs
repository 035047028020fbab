// Starts the Mocha of the current folder. The arguments are Mocha's.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { missing } = require('./muster_events.cjs');

const here = createRequire(path.join(process.cwd(), 'package.json'));
let bin;
try {
  const manifest = here.resolve('mocha/package.json');
  const { bin: bins } = here('mocha/package.json');
  bin = path.join(path.dirname(manifest), bins.mocha ?? bins._mocha ?? 'bin/mocha');
} catch {
  missing('mocha');
}
process.argv[1] = bin;
require(bin);
