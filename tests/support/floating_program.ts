// Nodes in memory, with an actor whose handler leaves a promise behind that is rejected, for tests.
//
//   <runtime> floating_program.ts <what the application does about rejections> <how many nodes>
import process from "node:process";
import { z } from "zod";
import { Actor, ask, defineActor, host, MemoryNetwork, startNode } from "../../mod.ts";

const [how = "nothing", nodes = "1"] = process.argv.slice(2);
const say = (words: string) => process.stdout.write(`${words}\n`);

const Careless = defineActor("careless", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: { hold: ask(z.undefined(), z.undefined()), float: ask(z.undefined(), z.undefined()) },
  shards: 4,
});

class CarelessActor extends Actor<typeof Careless> {
  static initialState() {
    return {};
  }
  hold(): Promise<undefined> {
    say("holds");
    return new Promise(() => {});
  }
  float(): undefined {
    void this.#forgotten();
    return undefined;
  }
  async #forgotten(): Promise<void> {
    await Promise.resolve();
    throw new TypeError("nobody awaits this");
  }
}

process.once("exit", () => say("ends"));
process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone, and until then it stays
if (how === "listens") process.on("unhandledRejection", () => say("the application heard"));
if (how === "listens-once") process.once("unhandledRejection", () => say("the application heard"));
if (how === "prevents")
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    say("the application heard");
  });

const network = new MemoryNetwork();
const started = [];
for (let i = 0; i < Number(nodes); i++) {
  const error = (words: string, fields: Record<string, unknown> = {}) => {
    const { node, running, error: thrown } = fields as { node: string; running: unknown; error: unknown };
    const stack = thrown instanceof Error && thrown.stack?.includes("floating_program.ts");
    say(`told ${words} ${JSON.stringify({ node, running, stack })}`);
  };
  const log = { debug() {}, info() {}, warn() {}, error };
  started.push(
    await startNode({
      name: `n${i}`,
      transport: network.connect(`n${i}`),
      hosts: [host(Careless, CarelessActor)],
      ...{ log, signals: false },
    }),
  );
}
const [node] = started;
if (node === undefined) throw new Error("expected a node");
void (async () => {
  for await (const { type } of node.events()) if (type === "floating-rejection") say("the event was read");
})();
if (how === "stopped") {
  for (const each of started) await each.stop();
  say(`listeners ${process.listenerCount("unhandledRejection")}`);
  process.exit(0);
}
if (how === "without") {
  for (const each of started) await each.stop();
  void Promise.reject(new TypeError("nobody awaits this"));
} else {
  void node.ref(Careless, "holder").hold(undefined, { timeoutMs: 60_000 });
  await node.ref(Careless, "floater").float();
}
// where the process should have ended, a busy machine may take its time over that
const goesOn = how.startsWith("listens") || how === "prevents";
setTimeout(
  () => {
    say("went on");
    process.exit(7);
  },
  goesOn ? 300 : 10_000,
);
