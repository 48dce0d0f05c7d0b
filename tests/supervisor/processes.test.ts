import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../examples/git_activity/cluster/runtimes.ts";
import { type ActorNode, natsTransport, type Ref, startNode } from "../../mod.ts";
import type { SupervisorEvent } from "../../supervisor/mod.ts";
import { until, within } from "../support/conditions.ts";
import { hostLedger, ledger, type Ledger, steering } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const PROGRAM = fileURLToPath(new URL("../support/processes/supervisor_program.ts", import.meta.url));
const OWN = process.versions.bun === undefined ? "deno" : "bun";
const Wide = ledger({ shards: 16 });
const TIMEOUT_MS = 90_000;

let server: NatsServer;
let count = 0;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startNatsServer();
}, TIMEOUT_MS);
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, TIMEOUT_MS);
afterAll(async () => {
  await server?.stop();
}, TIMEOUT_MS);

/** A supervisor's process, on the runtime of this test. */
class SupervisorProcess {
  readonly #process: ChildProcess;
  #said = "";

  constructor(childRuntime: string, name: string, cluster: string) {
    const runtimes = findRuntimes();
    const [own, child] = [runtimes.get(OWN), runtimes.get(childRuntime as "bun" | "deno")];
    if (own === undefined || child === undefined) throw new Error(`expected ${OWN} and ${childRuntime}`);
    const how = OWN === "bun" ? ["run"] : ["run", "-A", "--quiet"];
    const args = [...how, PROGRAM, childRuntime, child, name, cluster, String(server.port)];
    this.#process = spawn(own, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdin?.on("error", () => {});
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on("data", (data) => {
        this.#said += String(data);
      });
    ends.push(() => this.end());
  }

  get events(): SupervisorEvent[] {
    const lines = this.#said.split("\n").filter((line) => line.startsWith('{"type"'));
    return lines.map((line) => JSON.parse(line) as SupervisorEvent);
  }

  seen<T extends SupervisorEvent["type"]>(type: T): Extract<SupervisorEvent, { type: T }>[] {
    return this.events.filter((event) => event.type === type) as Extract<SupervisorEvent, { type: T }>[];
  }

  get childPid(): number {
    return this.seen("started").at(-1)?.pid ?? -1;
  }

  async up(times = 1): Promise<this> {
    const isUp = () => this.#said.split("up\n").length > times;
    await until(`child ${times} up, having said "${this.#said}"`, isUp, { timeoutMs: 30_000 });
    return this;
  }

  signal(name: NodeJS.Signals): void {
    if (this.#process.pid !== undefined && this.#isRunning) process.kill(this.#process.pid, name);
  }

  signalChild(name: NodeJS.Signals): void {
    process.kill(this.childPid, name);
  }

  get #isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async status(): Promise<number | null> {
    if (this.#isRunning) await within(once(this.#process, "exit"), 40_000, `its end; it said ${this.#said}`);
    return this.#process.exitCode;
  }

  async end(): Promise<void> {
    this.signal("SIGTERM");
    await this.status().finally(() => this.signal("SIGKILL"));
  }
}

async function observer(cluster: string): Promise<ActorNode> {
  const node = await startNode({
    name: "observer",
    cluster,
    transport: await natsTransport({ servers: server.url }),
    hosts: [hostLedger(steering(), Wide)],
    signals: false,
  });
  ends.push(() => node.stop());
  return node;
}

function stateOf(node: ActorNode, name: string): string | undefined {
  return node.inspect().nodes.find((each) => each.node === name)?.state;
}

function owned(node: ActorNode, name: string): number {
  return node.inspect().shards.filter(({ owner, state }) => owner === name && state === "owned").length;
}

/** An actor of which `name` is the owner. */
async function refAt(node: ActorNode, name: string): Promise<Ref<typeof Ledger>> {
  for (let i = 0; i < 200; i++) {
    const actor = `n${i}`;
    await node.ref(Wide, actor).add("before");
    if (!node.inspect().actors.some((each) => each.name === actor)) return node.ref(Wide, actor);
  }
  throw new Error(`expected an actor at ${name}`);
}

async function pair(childRuntime: string): Promise<{ node: ActorNode; supervised: SupervisorProcess }> {
  const cluster = `supervised${++count}`;
  const node = await observer(cluster);
  const supervised = await new SupervisorProcess(childRuntime, "child", cluster).up();
  await until("shards at the child", () => owned(node, "child") > 0, { timeoutMs: 20_000 });
  await until("calm", () => owned(node, "child") + owned(node, "observer") === 16);
  return { node, supervised };
}

for (const childRuntime of ["bun", "deno"]) {
  describe(`superviseNode() with a child on ${childRuntime}`, () => testsWith(childRuntime));
}

function testsWith(childRuntime: string): void {
  test(
    "after a kill -9 its shards answer elsewhere at once, and it is back under its name",
    async () => {
      const { node, supervised } = await pair(childRuntime);
      const actor = await refAt(node, "child");
      const pid = supervised.childPid;
      const killedAt = performance.now();
      process.kill(pid, "SIGKILL");
      await until("an answer", () => actor.read(undefined, { timeoutMs: 150 }));
      const tookMs = performance.now() - killedAt;
      console.log(`answers elsewhere ${Math.round(tookMs)} ms after a kill -9 of a child on ${childRuntime}`);
      expect(tookMs).toBeLessThan(1_500);
      await supervised.up(2);
      await until("its second life", () => stateOf(node, "child") === "up");
      await until("shards at the child", () => owned(node, "child") > 0, { timeoutMs: 20_000 });
      expect(supervised.childPid).not.toBe(pid);
      const [fenced] = supervised.seen("fenced");
      expect(fenced?.incarnation).toMatch(/^1-[0-9a-v]{40}$/);
      expect(node.inspect().nodes.find((each) => each.node === "child")?.incarnation).toMatch(/^2-/);
      expect(supervised.seen("exited")).toMatchObject([{ pid, signal: "SIGKILL" }]);
    },
    TIMEOUT_MS,
  );

  test.each(["SIGTERM", "SIGINT"] as const)(
    "passes %s on, waits for the leave, and ends with its status",
    async (signal) => {
      const { node, supervised } = await pair(childRuntime);
      const actor = await refAt(node, "child");
      supervised.signal(signal);
      expect(await supervised.status()).toBe(0);
      expect(stateOf(node, "child")).toBe("gone");
      expect(await actor.read()).toEqual(["before"]); // it was handed over
      expect(supervised.seen("fenced")).toEqual([]);
      expect(supervised.seen("ended")).toEqual([{ type: "ended", status: 0 }]);
    },
    TIMEOUT_MS,
  );

  test.each([
    [
      "a whole group is told",
      (top: SupervisorProcess) => [top.signalChild("SIGTERM"), top.signal("SIGTERM")],
    ],
    [
      "the supervisor is told twice",
      (top: SupervisorProcess) => [top.signal("SIGINT"), top.signal("SIGTERM")],
    ],
    ["the child alone is told", (top: SupervisorProcess) => [top.signalChild("SIGTERM")]],
    ["a terminal is closed", (top: SupervisorProcess) => [top.signal("SIGHUP"), top.signalChild("SIGHUP")]],
  ] as [string, (top: SupervisorProcess) => void][])(
    "leaves in order when %s",
    async (_, tell) => {
      const { node, supervised } = await pair(childRuntime);
      const actor = await refAt(node, "child");
      tell(supervised);
      await until("its end", () => supervised.seen("ended").length > 0, { timeoutMs: 30_000 });
      expect(supervised.seen("ended")).toEqual([{ type: "ended", status: 0 }]);
      expect(stateOf(node, "child")).toBe("gone");
      expect(await actor.read()).toEqual(["before"]);
      expect(supervised.seen("fenced")).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "kills a child that is told a second time, later, also one that hangs",
    async () => {
      const { node, supervised } = await pair(childRuntime);
      supervised.signalChild("SIGSTOP");
      supervised.signal("SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 2_500)); // the time is what this is about
      supervised.signal("SIGTERM");
      expect(await supervised.status()).toBe(137);
      await until("its death", () => stateOf(node, "child") === "dead");
    },
    TIMEOUT_MS,
  );
}
