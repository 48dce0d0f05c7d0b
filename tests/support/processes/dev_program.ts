// Run as a process of its own: a node without a transport, whose actor counts for as long as it answers.
import { Actor, ask, defineActor, host, startNode } from "../../../mod.ts";
import { z } from "zod";

const Counter = defineActor("counter", {
  shards: 4,
  stateVersion: 1,
  state: z.object({ count: z.number() }),
  messages: { add: ask(z.number()) },
});

class CounterActor extends Actor<typeof Counter> {
  static initialState() {
    return { count: 0 };
  }
  add(): number {
    return ++this.state.count;
  }
}

const node = await startNode({ hosts: [host(Counter, CounterActor)] });
for (;;) {
  const count = await node
    .ref(Counter, "all")
    .add()
    .catch(() => undefined);
  if (count !== undefined) console.log(`count ${count}`);
  await new Promise((resolve) => setTimeout(resolve, 20)); // so that not all it prints is counts
}
