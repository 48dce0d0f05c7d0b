// A node of a cluster, as a process: start two or more, in two terminals, on Bun or on Deno or one of each.
//
//   nats-server -js
//   bun run examples/cluster_node.ts one
//   deno run --allow-net=127.0.0.1:4222 examples/cluster_node.ts two
//
// On Deno this is the only permission that it takes: the nats-server, by address and port. A server given by name
// ("nats.example.org:4222") has to be allowed without its port, and so has the address behind it with its port; with
// `resolve: false` the name and port are enough.
//
// Every second each node greets one of ten actors, wherever that lives. End a node with Ctrl+C: its actors go on at the
// others, counting from where they were. Start it again, and some come back.
import process from "node:process";
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, host, natsTransport, startNode } from "../mod.ts";

const Greeter = defineActor("greeter", {
  state: z.strictObject({ greetings: z.number().int() }),
  stateVersion: 1,
  messages: { greet: ask(z.string(), z.string()) },
});

class GreeterActor extends Actor<typeof Greeter> implements HandlersOf<typeof Greeter> {
  static initialState(): { greetings: number } {
    return { greetings: 0 };
  }

  greet(whom: string): string {
    this.state.greetings++;
    return `${this.name} greets ${whom}, greeting ${this.state.greetings}, epoch ${this.epoch}`;
  }
}

const [name = `node-${process.pid}`, servers = "nats://127.0.0.1:4222"] = process.argv.slice(2);
const transport = await natsTransport({ servers, name });
// SIGTERM and SIGINT leave: the actors are handed over, then the process ends.
const node = await startNode({ name, cluster: "greetings", transport, hosts: [host(Greeter, GreeterActor)] });
console.log(`${name} is up`);

let turn = 0;
setInterval(async () => {
  const greeter = node.ref(Greeter, `greeter-${turn++ % 10}`);
  console.log(await greeter.greet(name).catch((error: { code: string }) => `no greeting: ${error.code}`));
}, 1_000);

for await (const event of node.events()) {
  if (event.type === "shard-moved" && event.actors > 0) {
    console.log(`${event.actors} actors moved to ${event.to}, pause ${event.pauseMs.toFixed(1)} ms`);
  }
  if (event.type.startsWith("node-")) console.log(event.type, "node" in event ? event.node : "");
}
