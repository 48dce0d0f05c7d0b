// A node of its own process that keeps a worker and numbered workers alive, and has some that fail, for tests; it leaves on SIGTERM,
// and says whom it begins.
//
//   bun run worker_program.ts <name> <server>
import process from "node:process";
import { natsTransport, startNode } from "../../../mod.ts";
import { fragile, hostWorker, Worker, worker, type WorkerKind } from "./workers.ts";

const [name = "node", servers = ""] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const log = { push: (...lines: string[]) => lines.forEach(say) } as string[];
const transport = await natsTransport({ servers, name });
const Numbered = worker({}, "numbered") as unknown as WorkerKind;
const run = () => {
  throw new Error("on purpose");
};
const hosts = [
  hostWorker({ log }, Worker, { node: name, keep: ["the"] }),
  hostWorker({ log }, Numbered, { node: name, keep: { count: 40 } }),
  hostWorker({ log: [], run }, fragile("memory"), { node: name }),
  hostWorker({ log: [], run }, fragile("stored"), { node: name }),
];
const node = await startNode({ name, cluster: "test", transport, hosts });
process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone
say("up");
await node.whenStopped;
