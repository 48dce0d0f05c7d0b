// Run as a process of its own: a node without a server that parks to a file. It counts its starts in an actor.
import process from "node:process";
import { Actor, ask, defineActor, host, sqliteStore, startNode } from "../../../mod.ts";
import { z } from "zod";

const Starts = defineActor("starts", {
  shards: 4,
  stateVersion: 1,
  state: z.object({ count: z.number() }),
  messages: { add: ask(z.number()) },
});

class StartsActor extends Actor<typeof Starts> {
  static initialState() {
    return { count: 0 };
  }
  add(): number {
    return ++this.state.count;
  }
}

const node = await startNode({
  hosts: [host(Starts, StartsActor)],
  parkTo: sqliteStore({ path: process.argv[2] ?? "" }),
});
console.log(`count ${await node.ref(Starts, "all").add()}`);
