// npm test [-- --only bun,deno,types,lint,layers,docs,publish] [-- --filter TEXT]
// Every check of this project, one after the other. A failure does not stop the others; the exit status tells.
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  BIOME,
  cacheDir,
  exitWith,
  launcherArguments,
  nodeScript,
  root,
  runToEnd,
  say,
  setUp,
  TSC,
} from "./setup.mjs";

const HELP = `Usage: npm test [-- OPTIONS]

  --only NAMES    run these steps, by names with commas between: STEPS
  --filter TEXT   run the tests whose full name contains the text
  --help          show this

Steps:
`;

/** In the order in which a failure is cheap to find. `commands` run one after the other, as far as they succeed. */
const STEPS = [
  {
    name: "lint",
    title: "format and lint (biome)",
    commands: () => [nodeScript(BIOME, "ci", "--colors=off", "--error-on-warnings", ".")],
  },
  { name: "layers", title: "layers and habits", commands: () => [nodeScript("tools/checks/layers.mjs")] },
  { name: "types", title: "types (tsc, deno check)", commands: typeCommands },
  { name: "docs", title: "documents: links and examples", commands: docsCommands },
  { name: "simulate", title: "a thousand simulations", commands: simulationCommands, live: true },
  { name: "bun", title: "the suite under Bun", commands: bunCommands, natsServer: true, live: true },
  { name: "deno", title: "the suite under Deno", commands: denoCommands, natsServer: true, live: true },
  { name: "publish", title: "fit to be published (JSR, npm)", commands: publishCommands },
];

const LOG_SHOWN_MAX = 30_000;

function typeCommands({ deno }) {
  return [
    nodeScript(TSC, "-p", "tsconfig.json"),
    nodeScript(TSC, "-p", "tsconfig.build.json", "--noEmit", "--isolatedDeclarations"),
    [deno, ["check", "--quiet", ...sources()]],
  ];
}

function docsCommands() {
  return [nodeScript("tools/checks/docs_links.mjs"), nodeScript("tools/checks/docs_examples.mjs")];
}

/** Under one runtime: a test of the suite shows that the other one does the same, step by step. */
function simulationCommands({ bun }) {
  return [[bun, ["tools/simulate.ts", "--seeds", "1..1000", "--faults", "every"]]];
}

/** Each file in a fresh global object, as under Deno: what one leaves open must not slow down the next. */
function bunCommands({ bun, filter }) {
  return [
    [
      bun,
      ["test", "--isolate", "--timeout=30000", "--dots", ...(filter === undefined ? [] : ["-t", filter])],
    ],
  ];
}

/** Types have a step of their own. All permissions: tests start servers; what a node needs is tested by its own run. */
function denoCommands({ deno }) {
  return [[deno, ["test", "--allow-all", "--no-check", "--reporter=dot", "tests/"]]];
}

function publishCommands({ deno }) {
  return [
    [deno, ["publish", "--dry-run", "--allow-dirty", "--quiet"]],
    ["npm", ["pack", "--dry-run", "--ignore-scripts", "--silent"]],
  ];
}

/** The folders and files that hold TypeScript, for a program that wants to be told. */
function sources() {
  const left = new Set(["node_modules", "dist", "coverage", "docs"]);
  return fs.readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || left.has(entry.name)) return [];
    if (entry.isFile()) return entry.name.endsWith(".ts") ? [entry.name] : [];
    const files = fs.readdirSync(path.join(root, entry.name), { recursive: true });
    return files.some((file) => file.endsWith(".ts")) ? [`${entry.name}/`] : [];
  });
}

async function runStep(step, context) {
  say(`\n── ${step.name}: ${step.title}`);
  const startMs = performance.now();
  let status = 0;
  for (const [command, args] of step.commands(context)) {
    status = await runCommand(command, args, step, context);
    if (status !== 0) break;
  }
  const seconds = (performance.now() - startMs) / 1000;
  say(`── ${step.name}: ${status === 0 ? "ok" : `FAILED (status ${status})`}, ${seconds.toFixed(1)} s`);
  return { ...step, status, seconds };
}

/** A quiet step shows its output only if it fails. */
async function runCommand(command, args, step, { env }) {
  if (step.live) return await runToEnd(command, args, { env, stdio: ["ignore", "inherit", "inherit"] });
  fs.mkdirSync(cacheDir, { recursive: true });
  const file = path.join(cacheDir, `test-${step.name}-${process.pid}.log`);
  const log = fs.openSync(file, "w");
  try {
    const plain = { ...env, NO_COLOR: "1", FORCE_COLOR: undefined };
    const status = await runToEnd(command, args, { env: plain, stdio: ["ignore", log, log] });
    if (status !== 0) say(fs.readFileSync(file, "utf8").slice(-LOG_SHOWN_MAX));
    return status;
  } finally {
    fs.closeSync(log);
    fs.rmSync(file, { force: true });
  }
}

function parse() {
  const names = STEPS.map((step) => step.name);
  const options = { only: { type: "string" }, filter: { type: "string" }, help: { type: "boolean" } };
  const { values } = parseArgs({ args: launcherArguments(), options });
  const only = values.only?.split(",") ?? names;
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(
      `Cannot run the step "${unknown}": there is none of that name; choose from ${names.join(", ")}`,
    );
  return { ...values, only };
}

function help() {
  const names = STEPS.map((step) => step.name).join(",");
  say(HELP.replace("STEPS", names) + STEPS.map((step) => `  ${step.name.padEnd(9)}${step.title}`).join("\n"));
}

async function main() {
  const { only, filter, help: wanted } = parse();
  if (wanted) return help();
  const steps = STEPS.filter((step) => only.includes(step.name));
  const ready = await setUp({ natsServer: steps.some((step) => step.natsServer) });
  const env = { ...ready.env, ...(filter === undefined ? {} : { BATON_TEST_FILTER: filter }) };
  const results = [];
  for (const step of steps) {
    if (step.natsServer && ready.natsServer === undefined) say(ready.natsServerReason); // its tests fail, and say so
    results.push(await runStep(step, { ...ready, env, filter }));
  }
  say("\nSummary");
  for (const { name, status, seconds } of results) {
    say(`  ${status === 0 ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds.toFixed(1).padStart(7)} s`);
  }
  exitWith(results.every((result) => result.status === 0) ? 0 : 1);
}

await main().catch((error) => {
  say(error.message);
  exitWith(1);
});
