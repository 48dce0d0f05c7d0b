// Makes the actors, and lists them on command.
import process from "node:process";
import { natsTransport, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import type { ListerSettings } from "../parts.ts";
import { Tag } from "./contract.ts";
import { LoopWatch } from "./loop.ts";

const AT_ONCE = 500;

const { server, cluster, actors, limit } = childSettings<ListerSettings>();
const transport = await natsTransport({ servers: server, name: "lister" });
const node = await startNode({ name: "lister", cluster, transport, signals: false });
for (let from = 0; from < actors; from += AT_ONCE) {
  const some = Array.from({ length: Math.min(AT_ONCE, actors - from) }, (_, i) => from + i);
  await Promise.all(some.map((n) => node.ref(Tag, `actor-${n}`).put(n, { timeoutMs: 30_000 })));
}
const loop = new LoopWatch();

async function list(): Promise<void> {
  loop.take();
  const startedAt = performance.now();
  const names = new Set<string>();
  let [pages, items, missing] = [0, 0, 0];
  let cursor: string | undefined;
  do {
    const page = await node.list(Tag, { limit, ...(cursor && { cursor }) });
    for (const { name } of page.items) names.add(name);
    pages++;
    items += page.items.length;
    missing += page.silent.length + page.unserved.length + page.unread.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  const ms = performance.now() - startedAt;
  await tellParent({ type: "listed", ms, pages, items, names: names.size, missing, longestMs: loop.take() });
}

/** For as long as a list takes, nothing is done. */
function rest(ms: number): void {
  loop.take();
  setTimeout(() => void tellParent({ type: "held", longestMs: loop.take() }), ms);
}

followParent((command) => {
  if (command === "list") void list();
  if (command.startsWith("rest ")) rest(Number(command.slice(5)));
  if (command === "end") void node.kill().then(() => process.exit(0));
});
await tellParent({ type: "ready" });
