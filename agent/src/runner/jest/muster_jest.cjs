// Starts the Jest of the current folder. The arguments are Jest's.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { Reporter, missing, readTests, take } = require('./muster_events.cjs');

const here = createRequire(path.join(process.cwd(), 'package.json'));
let jest;
try {
  jest = here('jest');
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error;
  try {
    jest = here('jest-cli');
  } catch {
    missing('jest');
  }
}

// Jest runs test files in this process, but loads its runner anew for every one of them.
const reporter = new Reporter(take('MUSTER_EVENTS'));
globalThis[Symbol.for('muster.jest')] = { reporter, wanted: readTests(), here, seen: new Set() };
reporter.hello(jest.getVersion?.());
process.env.NODE_ENV ??= 'test';
// Ends even where the tests leave something open behind them: all is said by then.
jest.run(process.argv.slice(2)).then(() => {
  reporter.listed();
  process.exit();
});
