// What every launcher does first: dependencies as the lock file says, the two runtimes, a nats-server.
// Plain Node without dependencies, because it runs before there are any; it runs under Bun and Deno as well.
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findNatsServer } from "./nats_server.mjs";

/** The folder of the project, without a slash at its end. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Where tools keep what they can make again. */
export const cacheDir = path.join(root, ".cache");

const LOCK_POLL_MS = 200;
const LOCK_WAIT_MAX_MS = 300_000;
const RUNTIME_BYTES_MIN = 1_000_000; // a placeholder script is a few hundred bytes
const windows = process.platform === "win32";

/** Says something to the person who waits; standard output belongs to the program that is started. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Makes dependencies and runtimes ready; does nothing when they are.
 * @returns {{ bun: string, deno: string }} paths of the executables themselves, not of wrappers: signals reach them
 */
export function ensureDependencies() {
  if (staleDependency() !== undefined) withLock("setup", installIfStale);
  for (const runtime of Object.values(runtimes())) ensureRuntime(runtime);
  const { bun, deno } = runtimes();
  return { bun: bun.file, deno: deno.file };
}

/**
 * Makes everything ready that a program of this project needs.
 * @returns {Promise<{ bun: string, deno: string, natsServer: string | undefined, env: Record<string, string | undefined> }>}
 * `env` is for children: NATS_SERVER, BATON_BUN and BATON_DENO (executables), and PATH with the installed tools
 */
export async function setUp({ natsServer: wanted = true } = {}) {
  const { bun, deno } = ensureDependencies();
  const found = wanted
    ? await findNatsServer({ cacheDir, say })
    : { path: undefined, reason: "not asked for" };
  const bin = path.join(root, "node_modules", ".bin");
  const env = {
    ...process.env,
    PATH: `${bin}${path.delimiter}${process.env.PATH ?? ""}`,
    BATON_BUN: bun,
    BATON_DENO: deno,
    DENO_NO_UPDATE_CHECK: "1",
  };
  if (found.path !== undefined) env.NATS_SERVER = found.path;
  return { bun, deno, natsServer: found.path, natsServerReason: found.reason, env };
}

/**
 * Runs a program in the project's folder until it ends; signals to us go on to it.
 * @returns {Promise<number>} its exit status; 128 + n if signal n ended it
 */
export function runToEnd(command, args, { env = process.env, cwd = root, stdio = "inherit" } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio });
    const release = passSignals(child);
    child.once("error", (error) => {
      release();
      say(`Cannot start "${command}": ${error.message}`);
      resolve(127);
    });
    child.once("close", (status, signal) => {
      release();
      resolve(status ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0));
    });
  });
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** While a child runs, its end decides ours: a signal is passed on, and we wait for what the child makes of it. */
export function passSignals(child) {
  const names = windows ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  const handlers = names.map((name) => [name, () => signal(child, name)]);
  const end = () => signal(child, "SIGKILL");
  for (const [name, handler] of handlers) process.on(name, handler);
  process.on("exit", end);
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
    process.off("exit", end);
  };
}

/** Not `child.kill()`: on Deno only its first call sends a signal. */
function signal(child, name) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(child.pid, name);
  } catch {
    // it has ended meanwhile
  }
}

/** Arguments after the launcher's own name. A lone `--` that a task runner left in front is dropped. */
export function launcherArguments() {
  const args = process.argv.slice(2);
  return args[0] === "--" ? args.slice(1) : args;
}

/** Ends the launcher with the program's status once its output is written. */
export function exitWith(status) {
  process.exitCode = status;
}

function runtimes() {
  const modules = path.join(root, "node_modules");
  return {
    bun: { name: "bun", file: path.join(modules, "bun", "bin", "bun.exe"), installer: "install.js" },
    deno: {
      name: "deno",
      file: path.join(modules, "deno", windows ? "deno.exe" : "deno"),
      installer: "install.cjs",
    },
  };
}

/** The first package that is not there as wanted: by npm the whole lock file, by Bun or Deno what package.json pins. */
function staleDependency() {
  const byNpm = fs.existsSync(path.join(root, "node_modules", ".package-lock.json"));
  const wanted = byNpm ? lockedVersions() : pinnedVersions();
  return wanted.find(([folder, version]) => {
    const installed = installedVersion(folder);
    return installed === undefined || (/^\d/.test(version) && installed !== version);
  })?.[0];
}

function lockedVersions() {
  const { packages } = readJson("package-lock.json");
  const required = Object.entries(packages).filter(([folder, entry]) => folder !== "" && !entry.optional);
  return required.map(([folder, entry]) => [folder, entry.version]);
}

function pinnedVersions() {
  const { dependencies, devDependencies } = readJson("package.json");
  const wanted = Object.entries({ ...dependencies, ...devDependencies });
  return wanted.map(([name, version]) => [`node_modules/${name}`, version]);
}

function readJson(name) {
  return JSON.parse(fs.readFileSync(path.join(root, name), "utf8"));
}

function installedVersion(folder) {
  try {
    return readJson(path.join(folder, "package.json")).version;
  } catch {
    return undefined;
  }
}

function installIfStale() {
  const stale = staleDependency();
  if (stale === undefined) return; // another launcher was quicker
  const [command, args] = installer();
  say(`setup: ${stale} is missing or not as locked; running ${[path.basename(command), ...args].join(" ")}`);
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: windows });
  if (result.status !== 0)
    fail(`Cannot install dependencies: ${command} ended with ${result.status ?? result.error}`);
  const still = staleDependency();
  if (still !== undefined) fail(`Cannot install dependencies: ${still} is still not as wanted`);
}

/** No install scripts: the two that matter are run by `ensureRuntime`, and cbor-x's addon must not be built. */
function installer() {
  const npm = ["npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]];
  if (onPath("npm") !== undefined) return npm;
  if (process.versions.bun) return [process.execPath, ["install", "--frozen-lockfile"]];
  if (process.versions.deno) return [process.execPath, ["install"]];
  return npm;
}

/** The npm packages of Bun and Deno put the executable in place by an install script; newer npm does not run those. */
function ensureRuntime({ name, file, installer: script }) {
  if (isExecutable(file)) return;
  withLock("setup", () => {
    if (isExecutable(file)) return;
    const cwd = path.join(root, "node_modules", name);
    const result = spawnSync(process.execPath, [...runScript(), script], { cwd, stdio: ["ignore", 2, 2] });
    if (!isExecutable(file))
      fail(`Cannot set up ${name}: its installer ended with ${result.status ?? result.error}`);
  });
}

function runScript() {
  return process.versions.deno ? ["run", "--allow-all"] : [];
}

/**
 * How to run a script for Node with whatever runs this one: Node, Bun or Deno.
 * @param {string} script from the project's folder
 * @returns {[command: string, args: string[]]}
 */
export function nodeScript(script, ...args) {
  return [process.execPath, [...runScript(), path.join(root, script), ...args]];
}

/** Scripts that npm packages bring. */
export const TSC = "node_modules/typescript/bin/tsc";
export const BIOME = "node_modules/@biomejs/biome/bin/biome";

function isExecutable(file) {
  const stat = statOf(file);
  return stat !== undefined && stat.size > RUNTIME_BYTES_MIN && (windows || (stat.mode & 0o111) !== 0);
}

function statOf(file) {
  try {
    return fs.statSync(file);
  } catch {
    return undefined; // nothing there, or not for us to see
  }
}

/** @returns {string | undefined} where a program is, among the folders of PATH */
export function onPath(name) {
  const names = windows ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const file of names.map((each) => path.join(folder, each))) {
      if (statOf(file)?.isFile()) return file;
    }
  }
  return undefined;
}

/** One launcher at a time; the lock of a process that is gone is taken over. */
function withLock(name, run) {
  const file = path.join(cacheDir, `${name}.lock`);
  fs.mkdirSync(cacheDir, { recursive: true });
  const mine = `${file}.${process.pid}`;
  fs.writeFileSync(mine, String(process.pid));
  try {
    acquire(file, mine);
    try {
      run();
    } finally {
      fs.rmSync(file, { force: true });
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
}

/** `link` creates the lock with its content in one step, so nobody reads an empty one. */
function acquire(file, mine) {
  for (let waitedMs = 0; waitedMs < LOCK_WAIT_MAX_MS; waitedMs += LOCK_POLL_MS) {
    try {
      return fs.linkSync(mine, file);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (waitedMs === 0) say(`setup: waiting for another launcher (${path.relative(root, file)})`);
    if (!isAlive(readText(file))) fs.rmSync(file, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  }
  fail(
    `Cannot set up: "${file}" is held by process ${readText(file)}; remove the file if that is not a launcher`,
  );
}

function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pidText) {
  if (pidText === "") return true; // it was released just now
  try {
    process.kill(Number(pidText), 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function fail(message) {
  say(message);
  process.exit(1);
}
