// The node that has the actors. It tells how long its loop was held up since it was last asked.
import process from "node:process";
import { natsTransport, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import type { NodeSettings } from "../parts.ts";
import { tagHost } from "./contract.ts";
import { LoopWatch } from "./loop.ts";

const { name, server, cluster } = childSettings<NodeSettings>();
const transport = await natsTransport({ servers: server, name });
const node = await startNode({ name, cluster, transport, hosts: [tagHost()], signals: false });
const loop = new LoopWatch();

followParent((command) => {
  if (command === "held") void tellParent({ type: "held", longestMs: loop.take() });
  if (command === "end") void node.kill().then(() => process.exit(0));
});
await tellParent({ type: "up" });
