// One actor, one node, no server: bun run examples/counter.ts, or deno run examples/counter.ts
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, host, startNode, tell } from "../mod.ts";

// The contract: what a counter keeps, and what it understands. This is all that callers need.
const Counter = defineActor("counter", {
  state: z.strictObject({ count: z.number().int() }),
  stateVersion: 1,
  messages: {
    add: ask(z.number().int(), z.number().int()),
    reset: tell(z.undefined()),
  },
});

// The class: one method for each message. One message at a time, so no locks.
class CounterActor extends Actor<typeof Counter> implements HandlersOf<typeof Counter> {
  static initialState(): { count: number } {
    return { count: 0 };
  }

  add(by: number): number {
    this.state.count += by;
    return this.state.count;
  }

  reset(): void {
    this.state.count = 0;
  }
}

await using node = await startNode({ name: "a", hosts: [host(Counter, CounterActor)] });

const visits = node.ref(Counter, "visits");
await Promise.all(Array.from({ length: 100 }, () => visits.add(1)));
console.log("visits:", await visits.add(0)); // 100
await visits.reset();
console.log("visits after a reset:", await visits.add(1)); // 1

// A name is enough: another counter begins to exist with its first message.
console.log("downloads:", await node.ref(Counter, "downloads").add(5)); // 5

// What is wrong is refused with an error that has a code, and the actor goes on.
const refused = await visits.add(0.5).catch((error: { code: string }) => error.code);
console.log("adding a half:", refused); // invalid-argument
