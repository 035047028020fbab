// Starts the Playwright Test of the current folder. The arguments are those of `playwright test`.
'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { missing } = require('./muster_events.cjs');

const here = createRequire(path.join(process.cwd(), 'package.json'));
let cli;
try {
  cli = path.join(path.dirname(here.resolve('@playwright/test/package.json')), 'cli.js');
} catch {
  missing('@playwright/test');
}

// Playwright compares a pattern with project, file and titles, joined by spaces, and the tags after them. The pattern of many
// tests is long: it is put together here, where no limit of a command line holds.
const arguments_ = process.argv.slice(2);
if (process.env.MUSTER_TESTS !== undefined) {
  const names = JSON.parse(fs.readFileSync(process.env.MUSTER_TESTS, 'utf8'));
  const spaced = (name) => name.replace(/^\[([^\]]*)\] \u203a /, '$1 ').replaceAll(' \u203a ', ' ');
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/\s+/g, '\\s+');
  arguments_.push('--grep', `^\\s*(?:${names.map((name) => escaped(spaced(name))).join('|')})(?:\\s+@\\S+)*$`);
}
process.argv = [process.argv[0], cli, 'test', ...arguments_];
require(cli);
