// A supervisor of its own process, for tests: its child is node_program.ts on the runtime that is named.
//
//   <runtime> supervisor_program.ts <child's runtime> <child's executable> <name> <cluster> <port> [told-at-end]
import process from "node:process";
import { fileURLToPath } from "node:url";
import { natsTransport } from "../../../mod.ts";
import { superviseNode } from "../../../supervisor/mod.ts";

const [runtime = "", command = "", name = "node", cluster = "test", port = "", told = ""] =
  process.argv.slice(2);
const server = `nats://127.0.0.1:${port}`;
const program = fileURLToPath(new URL("./node_program.ts", import.meta.url));
const how =
  runtime === "bun"
    ? ["run"]
    : ["run", "--no-prompt", "--quiet", `--allow-net=127.0.0.1:${port}`, "--allow-env=BATON_NODE_TAG"];

process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone
await superviseNode({
  command,
  args: [...how, program, name, cluster, server],
  name,
  cluster,
  transport: await natsTransport({ servers: server, name: `supervisor of ${name}` }),
  onEvent(event) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    if (event.type === "ended" && told === "told-at-end") process.kill(process.pid, "SIGTERM");
  },
});
