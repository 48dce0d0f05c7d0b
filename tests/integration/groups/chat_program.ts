// A node of its own process that hosts guests, for tests; it leaves on SIGTERM.
//
//   bun run chat_program.ts <name> <server>
import process from "node:process";
import { natsTransport, startNode } from "../../../mod.ts";
import { guest, hostGuest } from "./chat.ts";

const [name = "node", servers = ""] = process.argv.slice(2);
const transport = await natsTransport({ servers, name });
const hosts = [hostGuest(guest({ shards: 16 }))];
const node = await startNode({ name, cluster: "test", transport, hosts });
process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone
process.stdout.write("up\n");
await node.whenStopped;
