// Finds a nats-server, or gets Debian's package into the project's cache. Nothing is installed on the system, and
// no service is started. Used by the launchers and, when a test was started without one, by tests/support.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";

const DOWNLOAD_TIMEOUT_MS = 120_000;
const VERSION_TIMEOUT_MS = 10_000;

/** What to do when none is found. */
export const HOW_TO_GET_ONE = [
  "Get one in any of these ways:",
  "  - set NATS_SERVER to the path of a nats-server executable (2.9.10 or newer)",
  "  - put nats-server on the PATH (https://docs.nats.io/running-a-nats-service/introduction/installation)",
  "  - on Debian or Ubuntu: apt-get install nats-server",
].join("\n");

/**
 * $NATS_SERVER, else the PATH, else the project's cache, else a download of Debian's package into that cache.
 *
 * @param {{ cacheDir: string, say?: (text: string) => void, env?: Record<string, string | undefined> }} options
 * @returns {Promise<{ path: string, from: "environment" | "path" | "cache" | "download" } | { path: undefined, reason: string }>}
 * @throws {Error} if $NATS_SERVER is set and cannot be run: a wish that cannot be met is not silently replaced
 */
export async function findNatsServer({ cacheDir, say = () => {}, env = process.env }) {
  const wished = env.NATS_SERVER;
  if (wished) {
    const problem = whyNotRunnable(wished);
    if (problem === undefined) return { path: path.resolve(wished), from: "environment" };
    throw new Error(`Cannot use the nats-server "${wished}" that NATS_SERVER names: ${problem}`);
  }
  const onPath = searchPath(env.PATH ?? "");
  if (onPath !== undefined) return { path: onPath, from: "path" };
  const cached = path.join(cacheDir, "nats-server", "usr", "sbin", "nats-server");
  if (whyNotRunnable(cached) === undefined) return { path: cached, from: "cache" };
  const problem = download(cacheDir, say);
  if (problem === undefined) return { path: cached, from: "download" };
  return { path: undefined, reason: `Cannot find a nats-server: ${problem}\n${HOW_TO_GET_ONE}` };
}

function searchPath(folders) {
  const files = folders.split(path.delimiter).map((folder) => path.join(folder, "nats-server"));
  return files.find((file) => path.isAbsolute(file) && whyNotRunnable(file) === undefined);
}

/** @returns {string | undefined} what is wrong with it; undefined if it runs */
function whyNotRunnable(file) {
  if (!isFile(file)) return "there is no such file";
  const result = spawnSync(file, ["--version"], { encoding: "utf8", timeout: VERSION_TIMEOUT_MS });
  if (result.status !== 0) return `it does not run (${result.error?.message ?? `status ${result.status}`})`;
  return /v\d+\.\d+/.test(result.stdout + result.stderr) ? undefined : "it does not tell its version";
}

/** A folder that may not be looked into holds nothing for us. */
function isFile(file) {
  try {
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Two at once are safe: each unpacks into a folder of its own, and the first to rename wins. */
function download(cacheDir, say) {
  fs.mkdirSync(cacheDir, { recursive: true });
  const work = fs.mkdtempSync(path.join(cacheDir, "nats-server-"));
  try {
    say("setup: no nats-server on this machine; getting Debian's package");
    const problem = downloadPackage(work);
    if (problem !== undefined) return problem;
    const deb = fs.readdirSync(work).find((name) => name.endsWith(".deb"));
    if (deb === undefined) return "apt-get download brought no package";
    const unpacked = path.join(work, "unpacked");
    const result = run("dpkg", ["-x", path.join(work, deb), unpacked], work);
    if (result !== undefined) return result;
    return moveIntoPlace(unpacked, path.join(cacheDir, "nats-server"), say);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** First with the machine's package lists; if those are missing or old, with lists of our own beside the package. */
function downloadPackage(work) {
  const sandbox = ["-o", "APT::Sandbox::User="]; // the folder need not be readable by apt's own user
  const first = run("apt-get", [...sandbox, "download", "nats-server"], work);
  if (first === undefined) return undefined;
  if (first.includes("ENOENT")) return "there is no apt-get on this machine";
  const own = [...sandbox, ...privateLists(work)];
  const update = run("apt-get", [...own, "update"], work);
  if (update !== undefined) return `${first}; then ${update}`;
  return run("apt-get", [...own, "download", "nats-server"], work);
}

/** No right to write the system's lists is needed, and they stay as they are. */
function privateLists(work) {
  const folders = { "Dir::State::lists": "lists", "Dir::Cache": "cache" };
  return Object.entries(folders).flatMap(([option, name]) => {
    fs.mkdirSync(path.join(work, name, "partial"), { recursive: true });
    return ["-o", `${option}=${path.join(work, name)}`];
  });
}

function moveIntoPlace(unpacked, place, say) {
  const file = path.join("usr", "sbin", "nats-server");
  const problem = whyNotRunnable(path.join(unpacked, file));
  if (problem !== undefined) return `in Debian's package, ${problem}`;
  try {
    if (whyNotRunnable(path.join(place, file)) !== undefined)
      fs.rmSync(place, { recursive: true, force: true });
    fs.renameSync(unpacked, place);
  } catch (error) {
    if (whyNotRunnable(path.join(place, file)) !== undefined)
      return `cannot move it to "${place}" (${error.message})`;
  }
  say(`setup: nats-server is at ${path.join(place, file)}`);
  return undefined;
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", timeout: DOWNLOAD_TIMEOUT_MS });
  if (result.status === 0) return undefined;
  const said = (result.stderr ?? "").trim().split("\n").at(-1);
  const word = args.find((arg) => /^(download|update|-x)$/.test(arg));
  return `${command} ${word} failed (${result.error?.message ?? (said || `status ${result.status}`)})`;
}
