// The far side of the remote part: a node with the actors, and beside it a plain client that answers for the reference.
import { natsTransport, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { counterHost, Tally } from "../contract.ts";
import { ownCpuUs } from "../measure.ts";
import { PLAIN, type ServedSettings } from "../parts.ts";
import { noteHost } from "./note.ts";

followParent(() => {});
const { server, cluster } = childSettings<ServedSettings>();
const transport = await natsTransport({ servers: server, name: "owner" });
const hosts = [counterHost(new Tally()), noteHost()];
await startNode({ name: "owner", cluster, transport, hosts, signals: false });

// the same connector with the same settings; the client itself is the plain one
const { client } = await natsTransport({ servers: server, name: "plain-owner" });
const text = new TextEncoder();
let seen = 0;
client.subscribe(PLAIN.request, { callback: (_error, message) => void message.respond(message.data) });
client.subscribe(PLAIN.publish, { callback: () => void seen++ });
client.subscribe(PLAIN.seen, { callback: (_error, message) => void message.respond(text.encode(`${seen}`)) });
client.subscribe(PLAIN.cpu, {
  callback: (_e, message) => void message.respond(text.encode(`${ownCpuUs()}`)),
});
await client.flush();
await tellParent({ type: "up" });
