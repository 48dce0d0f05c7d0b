// A node of its own process that hosts carts and baskets which a stream feeds, for tests; it leaves on SIGTERM.
//
//   bun run orders_program.ts <name> <server>
import process from "node:process";
import { natsTransport, startNode } from "../../../mod.ts";
import { Basket, Cart, hostCart } from "./orders.ts";

const [name = "node", servers = ""] = process.argv.slice(2);
const transport = await natsTransport({ servers, name });
const quick = { ackWaitMs: 2_000, inFlightMax: 32 };
const hosts = [
  hostCart(Cart, { ...quick, filter: "orders.cart" }),
  hostCart(Basket, { ...quick, filter: "orders.basket" }),
];
const node = await startNode({ name, cluster: "test", transport, hosts });
process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone
process.stdout.write("up\n");
await node.whenStopped;
