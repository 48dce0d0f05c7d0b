// A nats-server for one test: a free port of its own, a directory of its own, and an end that is sure to come.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { until, within } from "../conditions.ts";
import { guard } from "../processes/guard.ts";

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const LOG_SHOWN_MAX = 4_000;

/** What a test may ask of its server. */
export interface NatsServerOptions {
  /** With JetStream, its file store in the server's own directory. Default: true. */
  jetstream?: boolean;
  /**
   * Text of a configuration file, or a function that makes it for the server's directory; address, port and, with
   * `jetstream`, the store directory are given beside it and win.
   */
  config?: string | ((directory: string) => string);
  /** Default: one that is free. */
  port?: number;
}

/** A server that runs. End it by `stop`, or by `await using`. */
export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The end of what it has logged since the start. */
  log(): string;
  /** Where it logs, until `stop`. */
  readonly logFile: string;
  /** SIGTERM, and waits for its end; then its directory is removed. Does nothing the second time. */
  stop(): Promise<void>;
  /** SIGKILL at once; port and directory stay, for `restart`. */
  kill(): void;
  /**
   * Ends it (SIGTERM unless `kill`) and starts it on the same port and directory; `between` is called with the directory
   * of its file store while it is down.
   */
  restart(how?: { kill?: boolean; between?: (store: string) => void }): Promise<void>;
  /** Replaces the configuration file, and lets the server read it as it runs. */
  configure(config: string | ((directory: string) => string)): void;
  /** Stops it as SIGSTOP does: connections stay open and nothing answers. `resume` lets it go on. */
  freeze(): void;
  resume(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a server and waits until it answers.
 *
 * @throws {Error} with the server's log if it does not become ready within 15 s, or if there is none on this machine
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const executable = await findExecutable();
  const directory = mkdtempSync(join(tmpdir(), "baton-nats-"));
  const server = new Server(executable, directory, options);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements NatsServer {
  readonly #executable: string;
  readonly #directory: string;
  readonly #options: NatsServerOptions;
  #port: number | undefined;
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  #removed = false;

  constructor(executable: string, directory: string, options: NatsServerOptions) {
    this.#executable = executable;
    this.#directory = directory;
    this.#options = options;
    this.#port = options.port;
    if (options.config !== undefined) this.#writeConfig(options.config);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get port(): number {
    if (this.#port === undefined) throw new Error("Cannot tell the port: the server has not started");
    return this.#port;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  async start(): Promise<void> {
    const child = spawn(this.#executable, this.#arguments(), { stdio: "ignore" });
    this.#child = child;
    const failure = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (status, signal) => resolve(`it ended at once (${signal ?? `status ${status}`})`));
    });
    if (child.pid !== undefined) this.#guard = guard(child.pid, this.#directory);
    const answers = async () => this.#ended || (await this.#answers());
    const ready = until("a nats-server that answers", answers, { timeoutMs: READY_TIMEOUT_MS });
    const late = ready.then(
      () => (this.#ended ? failure : undefined),
      (error: Error) => error.message,
    );
    const problem = await Promise.race([failure, late]);
    if (problem !== undefined)
      throw new Error(`Cannot start "${this.#executable}": ${problem}\n${this.log()}`);
  }

  log(): string {
    try {
      return readFileSync(this.logFile, "utf8").slice(-LOG_SHOWN_MAX);
    } catch {
      return "(no log)";
    }
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    this.#removed = true;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  async restart(how: { kill?: boolean; between?: (store: string) => void } = {}): Promise<void> {
    if (this.#removed) throw new Error("Cannot restart: the server was stopped and its directory is gone");
    await this.#end(how.kill ? "SIGKILL" : "SIGTERM");
    how.between?.(this.#store);
    await this.start();
  }

  configure(config: string | ((directory: string) => string)): void {
    this.#writeConfig(config);
    this.#signal("SIGHUP");
  }

  freeze(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #ended(): boolean {
    return this.#child?.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get #configFile(): string {
    return join(this.#directory, "server.conf");
  }

  get #store(): string {
    return join(this.#directory, "store");
  }

  get logFile(): string {
    return join(this.#directory, "server.log");
  }

  #writeConfig(config: string | ((directory: string) => string)): void {
    writeFileSync(this.#configFile, typeof config === "string" ? config : config(this.#directory));
  }

  #arguments(): string[] {
    const { jetstream = true, config } = this.#options;
    const args = ["-a", "127.0.0.1", "-p", String(this.#port ?? -1), "-l", this.logFile];
    args.push("--ports_file_dir", this.#directory);
    if (jetstream) args.push("-js", "-sd", this.#store);
    if (config !== undefined) args.push("-c", this.#configFile);
    return args;
  }

  /** The server writes the port it took into `<program>_<pid>.ports`. */
  async #answers(): Promise<boolean> {
    if (this.#port === undefined) {
      const name = readdirSync(this.#directory).find((each) => each.endsWith(`_${this.pid}.ports`));
      if (name === undefined) return false;
      const deps = JSON.parse(readFileSync(join(this.#directory, name), "utf8")) as { nats?: string[] };
      const url = deps.nats?.[0];
      if (url === undefined) return false;
      this.#port = Number(new URL(url).port);
    }
    return greets(this.#port);
  }

  /** Not `child.kill()`: on Deno only its first call sends a signal. */
  #signal(signal: NodeJS.Signals): void {
    if (!this.#ended) process.kill(this.pid, signal);
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child !== undefined && !this.#ended) {
      const exit = once(child, "exit");
      this.#signal("SIGCONT"); // a frozen server would not see the next one
      this.#signal(signal);
      await within(exit, STOP_TIMEOUT_MS, "the end of a nats-server").catch(() => this.#signal("SIGKILL"));
    }
    this.#guard?.kill("SIGKILL");
    this.#guard = undefined;
  }
}

/** Whether the port answers as NATS does: the server speaks first. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once("data", (data) => settle(String(data).startsWith("INFO")));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}

interface Finder {
  findNatsServer(options: {
    cacheDir: string;
    say: (text: string) => void;
  }): Promise<{ path: string } | { path: undefined; reason: string }>;
}

/** The launchers have found one already; a test that was started alone looks by itself. */
async function findExecutable(): Promise<string> {
  const finder = new URL("../../../tools/nats_server.mjs", import.meta.url).href;
  const { findNatsServer } = (await import(finder)) as Finder;
  const cacheDir = fileURLToPath(new URL("../../../.cache", import.meta.url));
  const found = await findNatsServer({ cacheDir, say: (text) => process.stderr.write(`${text}\n`) });
  if (found.path === undefined) throw new Error(found.reason);
  process.env.NATS_SERVER = found.path; // for the next test, and for processes that tests start
  return found.path;
}
