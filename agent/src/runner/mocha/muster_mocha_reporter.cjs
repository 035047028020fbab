// A reporter of Mocha: before the run it names the tests and takes out those that are not wanted; then it reports.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { Names, Reporter, fileName, messageOf, readTests, take, textOf } = require('./muster_events.cjs');

const here = createRequire(path.join(process.cwd(), 'package.json'));
const { Spec } = here('mocha').reporters;
const reporter = new Reporter(take('MUSTER_EVENTS'));
const wanted = readTests();
const SEPARATOR = ' > ';

function titles(test) {
  const found = [test.title];
  for (let suite = test.parent; suite && !suite.root; suite = suite.parent) found.unshift(suite.title);
  return found;
}

module.exports = class MusterReporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    reporter.hello(here('mocha/package.json').version);
    this.names = new Map();
    this.open = new Set();
    this.held = null;
    this.choose(runner);
    runner.on('test', (test) => this.begin(test));
    runner.on('pass', (test) => this.verdict(test, 'passed'));
    runner.on('pending', (test) => this.verdict(test, 'skipped'));
    runner.on('fail', (runnable, error) => this.fail(runnable, error));
    runner.on('end', () => this.settle());
  }

  choose(runner) {
    const names = new Names();
    // What Mocha would do itself when it begins, and undo what is chosen here.
    if (runner.suite.hasOnly?.()) runner.suite.filterOnly();
    const matches = (test) => !runner._grep || runner._invert !== runner._grep.test(test.fullTitle());
    const visit = (suite) => {
      suite._onlyTests = [];
      suite._onlySuites = [];
      suite.retries(0);
      suite.tests = suite.tests.filter((test) => {
        test.retries(0);
        const name = names.next([fileName(test.file ?? 'unknown'), ...titles(test)].join(SEPARATOR));
        if (!matches(test)) return false;
        if (wanted === null) reporter.item(name);
        if (!wanted?.has(name)) return false;
        this.names.set(test, name);
        this.open.add(test);
        return true;
      });
      suite.suites.forEach(visit);
    };
    visit(runner.suite);
    runner.total = this.names.size;
    if (wanted === null) reporter.listed();
  }

  begin(test) {
    const name = this.names.get(test);
    if (name === undefined) return;
    this.settle();
    reporter.started(name);
  }

  // A test's verdict stands when the next one begins: what follows it may still fail.
  verdict(test, outcome, details = {}) {
    const name = this.names.get(test);
    if (name === undefined) return;
    if (this.held !== null && this.held.name !== name) this.settle();
    this.open.delete(test);
    this.held = { name, outcome, details: { milliseconds: test.duration, ...details } };
  }

  fail(runnable, error) {
    const details = { message: messageOf(error), output: textOf(error) };
    if (runnable.type !== 'hook') {
      this.verdict(runnable, 'failed', details);
      return;
    }
    details.message = `in ${runnable.title}: ${details.message}`;
    const current = runnable.ctx?.currentTest;
    // What a hook before tests fails does not run; what one after a test fails had run, and so had all before it.
    if (current && this.open.has(current)) this.verdict(current, 'failed', details);
    const above = (test) => {
      for (let suite = test.parent; suite; suite = suite.parent) if (suite === runnable.parent) return true;
      return false;
    };
    const left = [...this.open].filter(above);
    if (!runnable.title.includes('before') && this.held !== null) {
      const message = [this.held.details.message, details.message].filter(Boolean).join('\n');
      const output = [this.held.details.output, details.output].filter(Boolean).join('\n\n');
      this.held = { ...this.held, outcome: 'failed', details: { ...this.held.details, message, output } };
    }
    for (const test of left) {
      this.open.delete(test);
      reporter.finished(this.names.get(test), 'failed', details);
    }
  }

  settle() {
    if (this.held === null) return;
    reporter.finished(this.held.name, this.held.outcome, this.held.details);
    this.held = null;
  }
};
