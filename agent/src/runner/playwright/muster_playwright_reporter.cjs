// A reporter of Playwright Test: names the tests, and reports each as it happens.
'use strict';

const { Names, Reporter, messageOf, readTests, readable, take, textOf } = require('./muster_events.cjs');

const reporter = new Reporter(take('MUSTER_EVENTS'));
const wanted = readTests();

module.exports = class MusterReporter {
  printsToStdio() {
    return false;
  }

  onBegin(_config, suite) {
    reporter.hello('');
    this.names = new Map();
    const names = new Names();
    for (const test of suite.allTests()) {
      const [, project, file, ...titles] = test.titlePath();
      const name = names.next([...(project ? [`[${project}]`] : []), file, ...titles].map(readable).join(' \u203a '));
      this.names.set(test, name);
      if (wanted === null) reporter.item(name);
    }
    this.errors = [];
  }

  nameOf(test) {
    const name = this.names.get(test);
    return wanted?.has(name) ? name : undefined;
  }

  onTestBegin(test) {
    const name = this.nameOf(test);
    if (name !== undefined) reporter.started(name);
  }

  onTestEnd(test, result) {
    const name = this.nameOf(test);
    if (name === undefined) return;
    const details = { milliseconds: result.duration };
    if (test.outcome() === 'skipped') {
      // A test that was to fail, and did, is skipped for nobody; `skipped` is what did not run.
      details.message = test.annotations.find(({ type }) => type === 'skip' || type === 'fixme')?.description ?? '';
      reporter.finished(name, 'skipped', details);
    } else if (test.ok()) {
      reporter.finished(name, 'passed', details);
    } else {
      const errors = result.errors ?? [];
      details.message = errors.map(messageOf).join('\n') || `the test ${result.status}`;
      const written = [...result.stdout, ...result.stderr].map(String).join('');
      details.output = [...errors.map(textOf), written].filter(Boolean).join('\n\n');
      reporter.finished(name, 'failed', details);
    }
  }

  onStdOut(chunk) {
    process.stdout.write(chunk);
  }

  onStdErr(chunk) {
    process.stderr.write(chunk);
  }

  onError(error) {
    console.error(error.stack ?? error.message);
    this.errors?.push(error);
  }

  onEnd() {
    if (wanted === null) {
      // A file that cannot be loaded makes the list fail.
      if (this.errors?.length === 0) reporter.listed();
    } else if (this.errors?.length > 0) {
      const message = this.errors.map((error) => error.message ?? '').join('\n');
      reporter.send({ event: 'outside', message, output: this.errors.map((error) => error.stack ?? '').join('\n') });
    }
  }
};
