// The cluster of separate processes: each node is a Bun or a Deno of its own, and they meet at a nats-server.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  type ActorNode,
  type NodeEvent,
  natsTransport,
  startNode,
  type UpgradeReport,
} from "../../../mod.ts";
import type { Release } from "../actors.ts";
import { type Cluster, refuseKept, type Runtime } from "./cluster.ts";
import type { NatsServer } from "./nats_server.ts";

const PROGRAM = fileURLToPath(new URL("./node_process.ts", import.meta.url));
const START_TIMEOUT_MS = 20_000;
const UPGRADE_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 40_000;
const KILL_TIMEOUT_MS = 5_000;
const SAID_MAX = 4_000;

/** A line on a node's standard output. */
export type Line =
  | { readonly type: "up" }
  | { readonly type: "event"; readonly event: NodeEvent }
  | { readonly type: "upgraded"; readonly report: UpgradeReport }
  | { readonly type: "left"; readonly leftOver: number };

/** Nodes as processes. */
export class ProcessCluster implements Cluster {
  readonly transport = "nats";
  readonly runtimes: readonly Runtime[];
  readonly #cluster: string;
  readonly #server: NatsServer;
  readonly #executables: ReadonlyMap<Runtime, string>;
  readonly #nodes = new Map<string, NodeProcess>();
  readonly #callers: ActorNode[] = [];
  #listener: (node: string, event: NodeEvent) => void = () => {};

  constructor(cluster: string, server: NatsServer, executables: ReadonlyMap<Runtime, string>) {
    this.#cluster = cluster;
    this.#server = server;
    this.#executables = executables;
    this.runtimes = [...executables.keys()];
  }

  async start(name: string, runtime: Runtime, release: Release): Promise<void> {
    const executable = this.#executables.get(runtime) ?? runtime;
    const own = [name, this.#cluster, this.#server.url, String(release)];
    const args = [...runArguments(runtime, this.#server), PROGRAM, ...own];
    const node = new NodeProcess(
      name,
      spawn(executable, args, { stdio: ["pipe", "pipe", "pipe"] }),
      (event) => this.#listener(name, event),
    );
    this.#nodes.set(name, node);
    await node.up();
  }

  async upgrade(name: string): Promise<void> {
    await this.#nodes.get(name)?.upgrade().then(refuseKept);
  }

  async end(name: string): Promise<void> {
    await this.#nodes.get(name)?.end();
    this.#nodes.delete(name);
  }

  async connect(name: string): Promise<ActorNode> {
    const transport = await natsTransport({ servers: this.#server.url, name });
    const node = await startNode({ name, cluster: this.#cluster, transport, hosts: [], signals: false });
    this.#callers.push(node);
    return node;
  }

  onEvent(listener: (node: string, event: NodeEvent) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    await Promise.all(this.#callers.map((node) => node.kill()));
    await Promise.all([...this.#nodes.values()].map((node) => node.kill()));
    await this.#server.stop();
  }

  abandon(): void {
    for (const node of this.#nodes.values()) node.killNow();
    this.#server.killNow();
  }
}

/** How a node's process is started: on Deno with this permission and no more. */
function runArguments(runtime: Runtime, server: NatsServer): readonly string[] {
  if (runtime === "bun") return ["run"];
  return ["run", "--no-prompt", "--quiet", `--allow-net=127.0.0.1:${server.port}`];
}

/** One node's process, as its parent sees it. */
class NodeProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #up = Promise.withResolvers<void>();
  readonly #upgraded = Promise.withResolvers<UpgradeReport>();
  readonly #ended: Promise<string | undefined>;
  #said = "";
  #leftOver: number | undefined;

  constructor(name: string, child: ChildProcess, onEvent: (event: NodeEvent) => void) {
    this.#name = name;
    this.#child = child;
    child.stderr?.on("data", (data) => {
      this.#said = (this.#said + String(data)).slice(-SAID_MAX);
    });
    child.stdin?.on("error", () => {});
    if (child.stdout)
      createInterface({ input: child.stdout }).on("line", (line) => this.#read(line, onEvent));
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (status, signal) =>
        resolve(status === 0 ? undefined : (signal ?? `status ${status}`)),
      );
    });
    for (const waiting of [this.#up, this.#upgraded]) {
      this.#ended.then((how) => waiting.reject(this.#error("stay up", `ended with ${how ?? "status 0"}`)));
      waiting.promise.catch(() => {});
    }
  }

  async up(): Promise<void> {
    await this.#within(this.#up.promise, START_TIMEOUT_MS, "start");
  }

  async upgrade(): Promise<UpgradeReport> {
    this.#child.stdin?.write("upgrade\n");
    return await this.#within(this.#upgraded.promise, UPGRADE_TIMEOUT_MS, "upgrade its actors");
  }

  /** SIGTERM, as any platform sends it before it takes a machine away. */
  async end(): Promise<void> {
    this.#signal("SIGTERM");
    const how = await this.#within(this.#ended, END_TIMEOUT_MS, "leave");
    if (how !== undefined) throw this.#error("leave", `ended with ${how}`);
    if (this.#leftOver !== 0)
      throw this.#error("leave", `left ${this.#leftOver ?? "an unknown number of"} actors behind`);
  }

  async kill(): Promise<void> {
    this.killNow();
    await this.#within(this.#ended, KILL_TIMEOUT_MS, "end").catch(() => {});
  }

  killNow(): void {
    this.#signal("SIGKILL");
  }

  /** By its number: on Deno, `ChildProcess.kill` also closes the child's standard input, which says "the parent is gone". */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended just now.
    }
  }

  #read(text: string, onEvent: (event: NodeEvent) => void): void {
    const line = parsed(text);
    if (line === undefined) this.#said = `${this.#said}${text}\n`.slice(-SAID_MAX);
    else if (line.type === "up") this.#up.resolve();
    else if (line.type === "upgraded") this.#upgraded.resolve(line.report);
    else if (line.type === "left") this.#leftOver = line.leftOver;
    else onEvent(line.event);
  }

  async #within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(this.#error(what, `took more than ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      return await Promise.race([promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #error(what: string, seen: string): Error {
    return new Error(`Cannot let node "${this.#name}" ${what}: its process ${seen}\n${this.#said}`.trim());
  }
}

function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Line | null;
    return line !== null && typeof line === "object" && "type" in line ? line : undefined;
  } catch {
    return undefined;
  }
}
