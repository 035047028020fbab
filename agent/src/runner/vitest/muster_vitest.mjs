// Starts the Vitest of the current folder. The arguments are Vitest's; after `--muster-files` come the files to be run.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const { Reporter, missing, messageOf, textOf } = require('./muster_events.cjs');

const here = createRequire(path.join(process.cwd(), 'package.json'));
let folder;
try {
  folder = path.dirname(here.resolve('vitest/package.json'));
} catch {
  missing('vitest');
}
const place = (entry) => {
  const exported = here('vitest/package.json').exports[entry];
  const file = typeof exported === 'string' ? exported : (exported.default ?? exported.import?.default);
  return pathToFileURL(path.join(folder, file)).href;
};
const { createVitest, parseCLI, version } = await import(place('./node'));
if (parseCLI === undefined) missing('vitest 2 or newer');

const given = process.argv.slice(2);
const mark = given.indexOf('--muster-files');
const isList = process.env.MUSTER_TESTS === undefined;
const reporter = new Reporter(process.env.MUSTER_EVENTS);
reporter.hello(version);

// What the runner in the workers needs. It removes these before a test sees them.
process.env.MUSTER_VITEST = place('.');
process.env.MUSTER_VITEST_RUNNERS = place('./runners');
process.env.TEST = 'true';
process.env.VITEST = 'true';
process.env.NODE_ENV ??= 'test';

const { filter, options } = parseCLI(['vitest', 'run', ...(mark < 0 ? given : given.slice(0, mark))]);
const files = mark < 0 ? filter : given.slice(mark + 1).map((file) => path.resolve(file));
const own = {
  watch: false,
  run: true,
  bail: 0,
  retry: 0,
  coverage: { enabled: false },
  typecheck: { enabled: false },
  fileParallelism: false,
  passWithNoTests: true,
};
const vitest = await createVitest('test', { ...options, ...own });
const runner = fileURLToPath(new URL('./muster_vitest_runner.mjs', import.meta.url));
for (const project of vitest.projects) {
  if (project.config.runner) process.env.MUSTER_VITEST_BASE = project.config.runner;
  project.config.runner = runner;
}

// What the workers have named: a worker that died did not name all of it.
function listed(tasks) {
  const testsOf = (task) => (task.tasks ? task.tasks.reduce((sum, inner) => sum + testsOf(inner), 0) : 1);
  return tasks.reduce((sum, file) => sum + (file.result?.state === 'fail' ? 1 : testsOf(file) || 1), 0);
}

let ended = false;
const atEnd = (errors) => {
  if (ended) return;
  ended = true;
  // What went wrong outside of any test makes the run fail, and no test of it.
  if (!isList && errors.length > 0) {
    const message = errors.map(messageOf).join('\n');
    reporter.send({ event: 'outside', message, output: errors.map(textOf).join('\n\n') });
  }
};
vitest.reporters.push({
  onTestRunEnd: (_modules, errors) => atEnd(errors ?? []),
  onFinished: (_files, errors) => atEnd(errors ?? []),
});

await vitest.start(files);
if (isList) reporter.send({ event: 'listed', count: listed(vitest.state.getFiles()) });
await vitest.close();
// Ends even where the tests leave something open behind them: all is said by then.
process.exit();
