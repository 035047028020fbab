// Stands between Jest and jest-circus: names the tests of a file, turns off those that are not wanted, reports the others.
'use strict';

const { createRequire } = require('node:module');
const { Names, fileName, messageOf, textOf } = require('./muster_events.cjs');

const { reporter, wanted, here } = globalThis[Symbol.for('muster.jest')];
const SEPARATOR = ' \u203a ';

function circus() {
  const ways = [() => here, () => createRequire(here.resolve('jest/package.json')), () => createRequire(here.resolve('jest-cli/package.json'))];
  const further = [
    () => createRequire(createRequire(here.resolve('jest/package.json')).resolve('@jest/core')),
    () => createRequire(createRequire(createRequire(here.resolve('jest/package.json')).resolve('@jest/core')).resolve('jest-config')),
  ];
  for (const way of [...ways, ...further]) {
    try {
      const found = way()('jest-circus/runner');
      return found.default ?? found;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error('jest-circus, the runner that Jest comes with since version 27, is not installed');
}

function* testsOf(block) {
  for (const child of block.children) {
    if (child.type === 'test') yield child;
    else yield* testsOf(child);
  }
}

function titles(test) {
  const found = [test.name];
  for (let block = test.parent; block && block.name !== 'ROOT_DESCRIBE_BLOCK'; block = block.parent) found.unshift(block.name);
  return found;
}

class File {
  constructor(name) {
    this.name = name;
    this.names = new Map();
    this.held = null;
    this.open = new Set();
    this.count = 0;
  }

  // Every test of the file is known, and none has run.
  choose(state, environment) {
    const names = new Names();
    for (const test of testsOf(state.rootDescribeBlock)) {
      const parts = titles(test);
      const name = names.next([this.name, ...parts].join(SEPARATOR));
      this.count += 1;
      if (state.testNamePattern && !state.testNamePattern.test(parts.join(' '))) continue;
      if (wanted === null) reporter.item(name);
      if (wanted?.has(name)) {
        // A slot runs one test at a time, whatever the file says.
        test.concurrent = false;
        this.names.set(test, name);
        this.open.add(name);
      } else {
        test.mode = 'skip';
      }
    }
    // Whether to try again is not for the file to say.
    environment.global[Symbol.for('RETRY_TIMES')] = 0;
  }

  settle() {
    if (this.held === null) return;
    const { name, outcome, details } = this.held;
    this.held = null;
    reporter.finished(name, outcome, details);
  }

  event(event, state, environment) {
    if (event.name === 'run_start') this.choose(state, environment);
    const name = this.names.get(event.test);
    if (name === undefined) return;
    if (event.name === 'test_start') {
      this.settle();
      reporter.started(name);
    } else if (event.name === 'test_skip' || event.name === 'test_todo') {
      this.verdict(name, 'skipped', {});
    } else if (event.name === 'test_done') {
      this.verdict(name, ...verdict(event.test));
    }
  }

  verdict(name, outcome, details) {
    this.settle();
    this.open.delete(name);
    this.held = { name, outcome, details };
  }

  // The file as a whole: what went wrong outside of its tests.
  end(error) {
    const trouble = error ?? (this.count === 0 ? new Error('Your test suite must contain at least one test.') : null);
    if (wanted === null) {
      if (trouble !== null) reporter.item(this.name);
      return;
    }
    const details = trouble && { message: messageOf(trouble), output: textOf(trouble) };
    if (this.held !== null && trouble !== null) {
      const { details: own } = this.held;
      const message = [own.message, `outside of the tests: ${details.message}`].filter(Boolean).join('\n');
      this.held = { ...this.held, outcome: 'failed', details: { ...own, message, output: `${own.output ?? ''}\n${details.output}` } };
    }
    this.settle();
    if (wanted.has(this.name)) reporter.finished(this.name, trouble === null ? 'passed' : 'failed', details ?? {});
    if (trouble === null || this.count > 0) return;
    // It could not be loaded this time: none of its tests has run.
    for (const name of wanted) {
      if (name.startsWith(this.name + SEPARATOR)) reporter.finished(name, 'failed', details);
    }
  }
}

function verdict(test) {
  const errors = test.errors.map((entry) => (Array.isArray(entry) ? (entry[0] ?? entry[1]) : entry));
  if (errors.length === 0) return ['passed', { milliseconds: test.duration }];
  const message = errors.map(messageOf).join('\n');
  return ['failed', { milliseconds: test.duration, message, output: errors.map(textOf).join('\n\n') }];
}

module.exports = async function run(globalConfig, config, environment, runtime, testPath, ...rest) {
  const project = config.displayName?.name;
  const file = new File((project ? `[${project}] ` : '') + fileName(testPath));
  const original = environment.handleTestEvent?.bind(environment);
  environment.handleTestEvent = async (event, state) => {
    await original?.(event, state);
    file.event(event, state, environment);
  };
  let result;
  try {
    result = await circus()(globalConfig, config, environment, runtime, testPath, ...rest);
  } catch (error) {
    file.end(error);
    throw error;
  }
  const error = result.testExecError;
  file.end(error ? { message: error.message || String(error.stack).trim().split('\n')[0], stack: error.stack } : null);
  return result;
};
