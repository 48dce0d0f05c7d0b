// The near side of the remote part: it hosts nothing, calls, and measures.
import process from "node:process";
import { natsTransport, startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { Counter, names } from "../contract.ts";
import { BareInbox } from "./bare_inbox.ts";
import { type Comparison, compare, inBatches, inFlight, oneByOne, ownCpuUs } from "../measure.ts";
import { PLAIN, type ServedSettings } from "../parts.ts";
import { Note, WORDS } from "./note.ts";

const CONCURRENCY = 256;
/** As many as a client may publish without asking whether they went out. */
const BATCH = 1_000;
/** Actors with a real handler: as many as have something to do at once somewhere. */
const NOTES = 64;
const PAYLOAD = new TextEncoder().encode('{"message":"add","by":1}');

followParent(() => {});
const { server, cluster, pace, actors } = childSettings<ServedSettings>();
const transport = await natsTransport({ servers: server, name: "caller" });
const node = await startNode({ name: "caller", cluster, transport, hosts: [], signals: false });
const { client } = await natsTransport({ servers: server, name: "plain-caller" });
const inbox = new BareInbox(client);
const refs = names(actors).map((name) => node.ref(Counter, name));
const notes = names(NOTES).map((name) => node.ref(Note, name));
await Promise.all([...refs.map((ref) => ref.add(1)), ...notes.map((ref) => ref.put(WORDS))]);

const ours = (index: number) => refs[index % refs.length]?.add(1) as Promise<number>;
const tell = (index: number) => refs[index % refs.length]?.note(1) as Promise<void>;
const put = (index: number) => notes[index % NOTES]?.put(WORDS) as Promise<unknown>;
const JSON_PAYLOAD = new TextEncoder().encode(JSON.stringify(WORDS));
/** The same bytes there and back, as JSON, which nobody there looks at. */
const requestJson = () => client.request(PLAIN.request, JSON_PAYLOAD, { timeout: 5_000 });
const request = () => client.request(PLAIN.request, PAYLOAD, { timeout: 5_000 });
const bare = () => inbox.request(PLAIN.request, PAYLOAD);

const numberOf = async (subject: string) => Number((await client.request(subject)).string());
const cpuOfBoth = async () => ownCpuUs() + (await numberOf(PLAIN.cpu));

/** What was published counts when it was received: the last question stands behind it in the same connection. */
async function publishing(milliseconds: number) {
  const before = await numberOf(PLAIN.seen);
  const startMs = performance.now();
  await inBatches(milliseconds, BATCH, async (from, to) => {
    for (let index = from; index < to; index++) client.publish(PLAIN.publish, PAYLOAD);
    await client.flush();
  });
  const count = (await numberOf(PLAIN.seen)) - before;
  return { count, seconds: (performance.now() - startMs) / 1_000 };
}

/** What a runtime has not compiled yet takes several times as long: so one call at a time is measured before any load, and after it. */
const alone = (name: string): Comparison => ({
  name,
  sides: [
    { label: "Baton", run: (milliseconds) => oneByOne(milliseconds, ours) },
    { label: "request()", run: (milliseconds) => oneByOne(milliseconds, request) },
    { label: "bare inbox + Map", run: (milliseconds) => oneByOne(milliseconds, bare) },
  ],
});

const comparisons: Comparison[] = [
  alone("remote ask, 1 in flight, just started"),
  {
    name: "remote ask, 256 in flight",
    sides: [
      { label: "Baton", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, ours) },
      { label: "request()", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, request) },
      { label: "bare inbox + Map", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, bare) },
    ],
  },
  {
    name: "remote ask, a real handler",
    sides: [
      { label: "Baton", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, put) },
      { label: "request()", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, requestJson) },
    ],
  },
  {
    name: "remote tell",
    sides: [
      { label: "Baton", run: (milliseconds) => inFlight(milliseconds, BATCH, tell) },
      { label: "publish → subscribe", run: publishing },
    ],
  },
  alone("remote ask, 1 in flight"),
];
for (const comparison of comparisons) {
  const figures = await compare(comparison, pace, cpuOfBoth);
  await tellParent({ type: "figures", figures, last: comparison === comparisons.at(-1) });
}
await node.kill();
await client.close();
process.exit(0);
