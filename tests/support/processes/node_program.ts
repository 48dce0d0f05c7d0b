// A node of its own process, for tests: hosts the ledger and leaves on SIGTERM and SIGINT, as nodes do by themselves.
//
//   bun run node_program.ts <name> <cluster> <server> [<settings as JSON> [<durability>]]
//   deno run --allow-net=127.0.0.1:<port> node_program.ts <name> <cluster> <server> [<settings as JSON> [<durability>]]
import process from "node:process";
import { type Durability, natsTransport, startNode } from "../../../mod.ts";
import { type Command, hostLedger, ledger, type LedgerActor, steering } from "../ledger.ts";

const [name = "node", cluster = "test", servers = "", settings = "{}", durability = "memory"] =
  process.argv.slice(2);

async function run(actor: LedgerActor, argument: unknown): Promise<unknown> {
  const { waitMs, remindInMs, word = "", destroys = false } = argument as Command;
  if (destroys) actor.destroy();
  if (waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (remindInMs !== undefined) actor.schedule("note", word, { afterMs: remindInMs });
  else actor.state.words.push(word);
  return process.versions.bun === undefined ? "deno" : "bun";
}

const print = (message: string): void => void process.stdout.write(`${message}\n`);
const complain = (message: string): void => void process.stderr.write(`${message}\n`);
const log = { debug() {}, info: print, warn: complain, error: complain };
const transport = await natsTransport({ servers, name });
const hosts = [hostLedger(steering({ run }), ledger({ shards: 16, durability: durability as Durability }))];
const node = await startNode({ name, cluster, transport, hosts, log, settings: JSON.parse(settings) });
process.stdin.once("end", () => process.exit(9)).resume(); // its parent is gone
process.stdout.write("up\n");
await node.whenStopped;
process.stdout.write("stopped\n");
