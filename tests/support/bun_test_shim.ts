/**
 * What Baton's tests use of `bun:test`, for Deno: deno.json maps that name to this file.
 *
 * Each outermost `describe` (or lone `test`) becomes one `Deno.test`; what is inside runs as its steps, in order.
 * There is no `skip`, `only` or `todo` on purpose: a suite that runs here runs as a whole.
 */
import process from "node:process";
import { expect } from "expect";

export { expect };

type Run = () => unknown;
type TestOptions = number | { timeout?: number };

/** What runs around tests, and how many milliseconds it may take. */
interface Hook {
  readonly run: Run;
  readonly timeoutMs: number | undefined;
}

interface Suite {
  readonly name: string;
  readonly hooks: { beforeAll: Hook[]; beforeEach: Hook[]; afterEach: Hook[]; afterAll: Hook[] };
  readonly children: (Suite | Case)[];
}

interface Case {
  readonly name: string;
  readonly run: Run;
  readonly timeoutMs: number | undefined;
}

interface StepContext {
  step(name: string, run: (context: StepContext) => Promise<void>): Promise<boolean>;
}

interface DenoTest {
  name: string;
  sanitizeOps: boolean;
  sanitizeResources: boolean;
  fn(context: StepContext): Promise<void>;
}

declare const Deno: { test(definition: DenoTest): void };

const settings = { timeoutMs: 30_000 };
const file = newSuite("");
const open: Suite[] = [file];
const wanted: string | undefined = process.env.BATON_TEST_FILTER;

/** Time a test or hook may take unless it says otherwise, in milliseconds. */
export function setDefaultTimeout(milliseconds: number): void {
  settings.timeoutMs = milliseconds;
}

/** A group of tests. Its body runs at once and must not be asynchronous. */
export function describe(name: string, body: () => void): void {
  const suite = newSuite(name);
  open.push(suite);
  try {
    body();
  } finally {
    open.pop();
  }
  add(suite);
}

function declareTest(name: string, run: Run, options?: TestOptions): void {
  if (run.length > 0)
    throw new TypeError(`Cannot run test "${name}": it takes a callback, return a promise instead`);
  add({ name, run, timeoutMs: typeof options === "number" ? options : options?.timeout });
}

/** One test for each row; a row that is an array is spread over the parameters. */
function each<Row>(rows: readonly Row[]): EachTest<Row> {
  return (name, run, options) => {
    rows.forEach((row, index) => {
      const args = (Array.isArray(row) ? row : [row]) as RowArguments<Row>;
      declareTest(titleOf(name, args, index), () => run(...args), options);
    });
  };
}

type RowArguments<Row> = Row extends readonly unknown[] ? [...Row] : [Row];
type EachTest<Row> = (
  name: string,
  run: (...args: RowArguments<Row>) => unknown,
  options?: TestOptions,
) => void;
type Test = typeof declareTest & { each: typeof each };

/** One test. `options`: milliseconds it may take, 30,000 unless told. */
export const test: Test = Object.assign(declareTest, { each });
export const it: Test = test;

/** Runs before the first test of the group. */
export function beforeAll(run: Run, timeoutMs?: number): void {
  current().hooks.beforeAll.push({ run, timeoutMs });
}

/** Runs before each test of the group and of the groups inside. */
export function beforeEach(run: Run, timeoutMs?: number): void {
  current().hooks.beforeEach.push({ run, timeoutMs });
}

/** Runs after each test of the group and of the groups inside, also when the test failed. */
export function afterEach(run: Run, timeoutMs?: number): void {
  current().hooks.afterEach.push({ run, timeoutMs });
}

/** Runs after the last test of the group, also when one failed. */
export function afterAll(run: Run, timeoutMs?: number): void {
  current().hooks.afterAll.push({ run, timeoutMs });
}

function newSuite(name: string): Suite {
  return { name, hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] }, children: [] };
}

function current(): Suite {
  return open.at(-1) as Suite;
}

/** Hooks outside every group belong to the file, which Deno does not know: they run around each outermost entry. */
function add(entry: Suite | Case): void {
  if (current() !== file) {
    current().children.push(entry);
    return;
  }
  if (!isWanted(entry, [])) return;
  Deno.test({
    name: entry.name,
    sanitizeOps: false, // connections and servers live across steps
    sanitizeResources: false,
    fn: (context) => runOutermost(entry, context),
  });
}

async function runOutermost(entry: Suite | Case, context: StepContext): Promise<void> {
  const failed: string[] = [];
  await withHooks(file, async () => {
    if ("run" in entry) await runCase(entry, [file]);
    else await runSuite(entry, [file], context, failed);
  });
  if (failed.length > 0) throw new Error(`${failed.length} failed: ${failed.join(", ")}`);
}

async function withHooks(suite: Suite, body: () => Promise<void>): Promise<void> {
  try {
    await runHooks(suite.hooks.beforeAll, `beforeAll of "${suite.name}"`);
    await body();
  } finally {
    await runHooks(suite.hooks.afterAll, `afterAll of "${suite.name}"`);
  }
}

async function runSuite(suite: Suite, outer: Suite[], context: StepContext, failed: string[]): Promise<void> {
  const path = [...outer, suite];
  await withHooks(suite, async () => {
    for (const child of suite.children) {
      if (!isWanted(child, path)) continue;
      const run = (inner: StepContext) =>
        "run" in child ? runCase(child, path) : runSuite(child, path, inner, failed);
      if (!(await context.step(child.name, run))) failed.push(`"${child.name}"`);
    }
  });
}

async function runCase(one: Case, path: Suite[]): Promise<void> {
  try {
    for (const suite of path) await runHooks(suite.hooks.beforeEach, `beforeEach of "${suite.name}"`);
    await bounded(one.run, `"${one.name}"`, one.timeoutMs);
  } finally {
    for (const suite of path.toReversed())
      await runHooks(suite.hooks.afterEach, `afterEach of "${suite.name}"`);
  }
}

async function runHooks(hooks: readonly Hook[], what: string): Promise<void> {
  for (const { run, timeoutMs } of hooks) await bounded(run, what, timeoutMs);
}

async function bounded(run: Run, what: string, timeoutMs = settings.timeoutMs): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} did not end within ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([run(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** `BATON_TEST_FILTER` picks tests by a part of their full name, as `bun test -t` does. */
function isWanted(entry: Suite | Case, path: Suite[]): boolean {
  if (wanted === undefined || !("run" in entry)) return true;
  return [...path.map((suite) => suite.name), entry.name].join(" ").includes(wanted);
}

/** The placeholders of Bun's and Jest's titles: `%s %d %i %f %j %o %p`, `%#` for the row's number, `$key`. */
function titleOf(name: string, args: readonly unknown[], index: number): string {
  const rest = [...args];
  const filled = name.replace(/%[sdifjop#%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (mark === "%#") return String(index);
    return rest.length === 0 ? mark : shown(rest.shift(), mark);
  });
  const first = args[0];
  if (typeof first !== "object" || first === null) return filled;
  return filled.replace(/\$(\w+)/g, (mark, key: string) =>
    key in first ? shown((first as Record<string, unknown>)[key], "%s") : mark,
  );
}

function shown(value: unknown, mark: string): string {
  if (typeof value === "string" && mark !== "%j" && mark !== "%p") return value;
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value) ?? String(value);
}
