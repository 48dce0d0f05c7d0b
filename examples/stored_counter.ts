// A counter that survives its process. Run it twice, or kill it in between: bun run examples/stored_counter.ts /tmp/counter.db
// On Deno: deno run --allow-read=/tmp --allow-write=/tmp examples/stored_counter.ts /tmp/counter.db
import process from "node:process";
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, host, sqliteStore, startNode } from "../mod.ts";

const Counter = defineActor("counter", {
  state: z.strictObject({ count: z.number().int() }),
  stateVersion: 1,
  messages: { add: ask(z.number().int(), z.number().int()) },
  durability: "stored", // an answer says that its state is on the disk
  shards: 16,
});

class CounterActor extends Actor<typeof Counter> implements HandlersOf<typeof Counter> {
  static initialState(): { count: number } {
    return { count: 0 };
  }

  override onActivate(why: string): void {
    console.log(`${this.name}: ${why}, at ${this.state.count}`);
  }

  add(by: number): number {
    this.state.count += by;
    return this.state.count;
  }
}

const store = await sqliteStore({ path: process.argv[2] ?? "counter.db" });
const node = await startNode({ name: "a", hosts: [host(Counter, CounterActor)], store });
await node.ref(Counter, "visits").add(1);
console.log("visits:", await node.ref(Counter, "visits").add(1));
await node.kill(); // as if it had been killed: nothing is put away
await store.close();
