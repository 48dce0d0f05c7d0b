// Measures, in one process and without a server, a node's actors against bare ring mailboxes, and against such with the same
// checks and copies.
import process from "node:process";
import { startNode } from "../../mod.ts";
import { childSettings, followParent, tellParent } from "../child.ts";
import { BareCounter, Counter, counterHost, names, Tally } from "../contract.ts";
import { type Comparison, compare, inBatches, inFlight, ownCpuUs } from "../measure.ts";
import { floorStub } from "./floor.ts";
import { bareStub } from "./ring_mailbox.ts";
import { bareShelf, floorShelf, Shelf, shelfHost } from "./shelf.ts";
import type { PartSettings } from "../parts.ts";

const CONCURRENCY = 256;
const LARGE_CONCURRENCY = 16;

followParent(() => {});
const settings = childSettings<PartSettings>();
const tally = new Tally();
const node = await startNode({ name: "local", hosts: [counterHost(tally), shelfHost()], signals: false });
const actors = names(settings.actors);
const refs = actors.map((name) => node.ref(Counter, name));
const stubs = actors.map(() => bareStub(new BareCounter(tally), ["add", "echo"], ["note", "hint"]));
const floors = actors.map(() => floorStub(tally));
await Promise.all(refs.map((ref) => ref.add(1)));

type Ask = "add" | "echo";
type Tell = "note" | "hint";

function asks(name: string, message: Ask): Comparison {
  const ours = (index: number) => refs[index % refs.length]?.[message](1) as Promise<unknown>;
  const bare = (index: number) => stubs[index % stubs.length]?.[message](1) as Promise<unknown>;
  const floor = (index: number) => floors[index % floors.length]?.[message](1) as Promise<unknown>;
  return {
    name,
    sides: [
      { label: "Baton", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, ours) },
      { label: "ring mailbox", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, bare) },
      { label: "same checks, copies", run: (milliseconds) => inFlight(milliseconds, CONCURRENCY, floor) },
    ],
  };
}

/** Nobody waits for the single message; a batch ends when the last of it has been handled. */
function tells(name: string, message: Tell): Comparison {
  const batchOf = (send: (index: number) => unknown) => (milliseconds: number) =>
    inBatches(milliseconds, CONCURRENCY, async (from, to) => {
      const handled = tally.count;
      for (let index = from; index < to; index++) send(index);
      await tally.reaches(handled + to - from);
    });
  return {
    name,
    sides: [
      { label: "Baton", run: batchOf((index) => refs[index % refs.length]?.[message](1)) },
      { label: "ring mailbox", run: batchOf((index) => stubs[index % stubs.length]?.[message](1)) },
      { label: "same checks, copies", run: batchOf((index) => floors[index % floors.length]?.[message](1)) },
    ],
  };
}

/** One large actor, with a few calls under way. */
function largeState(): Comparison {
  const sides = [
    { label: "Baton", stub: node.ref(Shelf, "one") },
    { label: "ring mailbox", stub: bareShelf() },
    { label: "same checks, copies", stub: floorShelf() },
  ];
  return {
    name: "local ask, 1 of 1,000 items changed",
    sides: sides.map(({ label, stub }) => ({
      label,
      run: (milliseconds) => inFlight(milliseconds, LARGE_CONCURRENCY, (index) => stub.take(index)),
    })),
  };
}

const comparisons = [
  asks("local ask", "add"),
  tells("local tell", "note"),
  asks("local ask, state untouched", "echo"),
  tells("local tell, state untouched", "hint"),
  largeState(),
];
for (const comparison of comparisons) {
  const figures = await compare(comparison, settings.pace, async () => ownCpuUs());
  await tellParent({ type: "figures", figures, last: comparison === comparisons.at(-1) });
}
await node.kill();
process.exit(0);
