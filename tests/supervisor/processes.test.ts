import { describe, expect, test } from "bun:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ActorNode, Ref } from "../../mod.ts";
import type { SupervisorEvent } from "../../supervisor/mod.ts";
import { until } from "../support/conditions.ts";
import { hostLedger, ledger, type Ledger, steering } from "../support/ledger.ts";
import { executableOf, OWN, Program, type Runtime } from "../support/processes/programs.ts";
import { SharedServer } from "../support/nats/shared_server.ts";

const PROGRAM = fileURLToPath(new URL("../support/processes/supervisor_program.ts", import.meta.url));
const Wide = ledger({ shards: 16 });
const TIMEOUT_MS = 90_000;

const shared = SharedServer.forAllTests(TIMEOUT_MS);
let count = 0;

/** A supervisor's process, on the runtime of this test. */
class SupervisorProcess extends Program {
  constructor(childRuntime: Runtime, name: string, cluster: string, ...more: string[]) {
    const child = [childRuntime, executableOf(childRuntime), name];
    const args = [PROGRAM, ...child, cluster, String(shared.nats.port), ...more];
    super(`supervisor of ${name}`, OWN, args, { endTimeoutMs: 40_000 });
    shared.atEnd(() => this.over());
  }

  get events(): SupervisorEvent[] {
    const lines = this.printed.split("\n").filter((line) => line.startsWith('{"type"'));
    return lines.map((line) => JSON.parse(line) as SupervisorEvent);
  }

  seen<T extends SupervisorEvent["type"]>(type: T): Extract<SupervisorEvent, { type: T }>[] {
    return this.events.filter((event) => event.type === type) as Extract<SupervisorEvent, { type: T }>[];
  }

  get childPid(): number {
    return this.seen("started").at(-1)?.pid ?? -1;
  }

  async up(times = 1): Promise<this> {
    await this.prints(`start ${times} of the child`, (printed) => printed.split("up\n").length > times);
    return this;
  }

  signalChild(name: NodeJS.Signals): void {
    process.kill(this.childPid, name);
  }

  async status(): Promise<number | null> {
    return (await this.exit()).status;
  }

  async over(): Promise<void> {
    this.signal("SIGTERM");
    await this.exit().finally(() => this.signal("SIGKILL"));
  }
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

async function pair(childRuntime: Runtime): Promise<{ node: ActorNode; supervised: SupervisorProcess }> {
  const cluster = `supervised${++count}`;
  const node = await shared.node("observer", cluster, [hostLedger(steering(), Wide)]);
  const supervised = await new SupervisorProcess(childRuntime, "child", cluster).up();
  await until("shards at the child", () => owned(node, "child") > 0, { timeoutMs: 20_000 });
  await until("calm", () => owned(node, "child") + owned(node, "observer") === 16);
  return { node, supervised };
}

for (const childRuntime of ["bun", "deno"] as const) {
  describe(`superviseNode() with a child on ${childRuntime}`, () => testsWith(childRuntime));
}

function testsWith(childRuntime: Runtime): void {
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
    "ends by a signal that comes in the moment of its end",
    async () => {
      const cluster = `supervised${++count}`;
      const supervised = await new SupervisorProcess(childRuntime, "child", cluster, "told-at-end").up();
      supervised.signalChild("SIGTERM");
      expect(await supervised.exit()).toMatchObject({ status: null, signal: "SIGTERM" });
      expect(supervised.seen("ended")).toEqual([{ type: "ended", status: 0 }]);
    },
    TIMEOUT_MS,
  );

  test(
    "kills a child that is told a second time, later, also one that hangs",
    async () => {
      const { node, supervised } = await pair(childRuntime);
      supervised.signalChild("SIGSTOP");
      supervised.signal("SIGTERM");
      expect((await supervised.endByMany("SIGTERM")).status).toBe(137);
      await until("its death", () => stateOf(node, "child") === "dead");
    },
    TIMEOUT_MS,
  );
}
