// Vitest's own test runner, which also names the tests of a file, turns off those that are not wanted, reports the others.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Names, Reporter, fileName, messageOf, readTests, take, textOf } = require('./muster_events.cjs');

const [index, runners, base] = [take('MUSTER_VITEST'), take('MUSTER_VITEST_RUNNERS'), take('MUSTER_VITEST_BASE')];
const reporter = new Reporter(take('MUSTER_EVENTS'));
const wanted = readTests();
const Base = base
  ? (await import(base)).default
  : ((await import(index)).TestRunner ?? (await import(runners)).VitestTestRunner);

const SEPARATOR = ' > ';

export default class MusterRunner extends Base {
  names = new Map();
  settled = new Set();
  held = null;

  async onCollected(files) {
    await super.onCollected?.(files);
    for (const file of files) this.choose(file);
  }

  choose(file) {
    const project = this.config.name ? `|${this.config.name}| ` : '';
    const whole = project + fileName(file.filepath);
    const names = new Names();
    const trouble = file.result?.state === 'fail' ? (file.result.errors ?? []) : null;
    const visit = (task, above) => {
      // A slot runs one test at a time, whatever the file says.
      task.concurrent = false;
      if (task.tasks) {
        for (const inner of task.tasks) visit(inner, [...above, inner.name]);
        // As Vitest does: hooks of a suite without a test to run are not run.
        if (!task.tasks.some((inner) => inner.mode === 'run' || inner.mode === 'queued')) task.mode = 'skip';
        return;
      }
      const name = names.next(above.join(SEPARATOR));
      const isOff = task.mode === 'skip' || task.mode === 'todo';
      task.retry = 0;
      if (wanted === null) reporter.item(name);
      if (!wanted?.has(name)) {
        task.mode = 'skip';
      } else if (isOff) {
        reporter.finished(name, 'skipped', { message: task.result?.note ?? '' });
      } else {
        this.names.set(task, name);
      }
    };
    const hasTests = (task) => (task.tasks ? task.tasks.some(hasTests) : true);
    if (trouble !== null || !hasTests(file)) {
      this.cannotLoad(whole, trouble ?? [new Error(`No test suite found in file ${file.filepath}`)]);
      return;
    }
    visit(file, [whole]);
    if (wanted?.has(whole)) reporter.finished(whole, 'passed');
  }

  // None of the file's tests can run.
  cannotLoad(whole, errors) {
    if (wanted === null) {
      reporter.item(whole);
      return;
    }
    const details = described(errors);
    for (const name of wanted) {
      if (name === whole || name.startsWith(whole + SEPARATOR)) reporter.finished(name, 'failed', details);
    }
  }

  async onBeforeRunTask(test) {
    const name = this.names.get(test);
    if (name !== undefined) {
      this.settle();
      reporter.started(name);
    }
    await super.onBeforeRunTask?.(test);
  }

  async onAfterRunTask(test) {
    await super.onAfterRunTask?.(test);
    const name = this.names.get(test);
    if (name === undefined) return;
    this.settled.add(test);
    const { state, errors = [], duration, note } = test.result ?? {};
    const milliseconds = duration;
    if (state === 'pass') this.held = { name, outcome: 'passed', details: { milliseconds } };
    else if (state === 'skip' || state === 'todo') this.held = { name, outcome: 'skipped', details: { milliseconds, message: note ?? '' } };
    else this.held = { name, outcome: 'failed', details: { milliseconds, ...described(errors) } };
  }

  settle() {
    if (this.held === null) return;
    reporter.finished(this.held.name, this.held.outcome, this.held.details);
    this.held = null;
  }

  async onAfterRunSuite(suite) {
    await super.onAfterRunSuite?.(suite);
    const errors = suite.result?.errors ?? [];
    // Its own errors are those of its hooks: what has not run failed with them, else the last test that ran did.
    if (errors.length > 0) {
      const details = described(errors);
      const open = [...this.names].filter(([test]) => !this.settled.has(test) && isWithin(test, suite));
      for (const [test, name] of open) {
        this.settled.add(test);
        reporter.finished(name, 'failed', details);
      }
      if (open.length === 0 && this.held !== null) {
        const message = [this.held.details.message, `outside of the tests: ${details.message}`].filter(Boolean).join('\n');
        const output = `${this.held.details.output ?? ''}\n${details.output}`;
        this.held = { ...this.held, outcome: 'failed', details: { ...this.held.details, message, output } };
      }
    }
    if (suite.filepath !== undefined) this.settle();
  }

  async onAfterRunFiles(files) {
    this.settle();
    for (const [test, name] of this.names) {
      // Skipped by itself while it ran, or by its suite.
      if (!this.settled.has(test)) {
        this.settled.add(test);
        const { state, errors = [], note } = test.result ?? {};
        const isBad = state === 'fail';
        reporter.finished(name, isBad ? 'failed' : 'skipped', isBad ? described(errors) : { message: note ?? '' });
      }
    }
    await super.onAfterRunFiles?.(files);
  }
}

function described(errors) {
  return { message: errors.map(messageOf).join('\n') || 'the test failed', output: errors.map(textOf).join('\n\n') };
}

function isWithin(test, suite) {
  for (let above = test.suite ?? test.file; above; above = above === test.file ? null : (above.suite ?? test.file)) {
    if (above === suite) return true;
  }
  return suite === test.file;
}
