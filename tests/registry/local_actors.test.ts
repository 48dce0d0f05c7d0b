import { beforeEach, describe, expect, test } from "bun:test";
import { createCodec } from "../../codec/codec.ts";
import type { Shard, ShardPhase } from "../../delivery/receiving/shard.ts";
import { LocalActors } from "../../registry/local_actors.ts";
import type { Answer } from "../../registry/messages.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

let phase: ShardPhase;
let isThere: boolean;
/** Called when the store is asked for names: in the middle of an answer. */
let meanwhile: () => void;
let isOpen: boolean;
let local: LocalActors;

const snapshot = { stateVersion: 1, bytes: new Uint8Array() };
const residents = {
  active: new Map(),
  passive: new Map([
    ["b", snapshot],
    ["a", snapshot],
  ]),
  awaited: new Map(),
  quarantined: new Map(),
};

beforeEach(() => {
  [phase, isThere, isOpen, meanwhile] = ["serving", true, true, () => {}];
  const shard = {
    ...{ kind: "k", shard: 0, epoch: 3, stateStore: {}, catalog: { residents } },
    get phase() {
      return phase;
    },
  };
  const gate = {
    get isOpen() {
      return isOpen;
    },
  };
  local = new LocalActors({
    ...{ clock: new ManualClock(), codec: createCodec(), gate: gate as never },
    table: { get: () => (isThere ? (shard as unknown as Shard) : undefined) },
    store: {
      lists: true,
      load: () => Promise.resolve(undefined),
      names: () => {
        meanwhile();
        return Promise.resolve([]);
      },
    },
  });
});

const list = (): Promise<Answer> =>
  local.answer({ type: "list", kind: "k", shards: [0], prefix: "", limit: 10 });
const elsewhere = { type: "page", parts: [], elsewhere: [0] };
const page = (state: "asleep" | "moving") => ({
  type: "page",
  parts: [
    {
      shard: 0,
      epoch: 3,
      items: [
        { name: "a", state },
        { name: "b", state },
      ],
    },
  ],
  elsewhere: [],
});

describe("LocalActors.answer()", () => {
  test("lists what is served, or drained", async () => {
    for (phase of ["serving", "draining"] as const) expect(await list()).toEqual(page("asleep") as Answer);
  });

  test("leaves what is sealed to the next owner, who may have taken in others already", async () => {
    phase = "sealed";
    expect(await list()).toEqual(elsewhere as Answer);
    const where = (name: string) => local.answer({ type: "where", kind: "k", shard: 0, name });
    expect(await where("a")).toEqual({ type: "here", epoch: 3, state: "moving" });
    expect(await where("c")).toEqual({ type: "elsewhere" });
  });

  test("gives what it had when it was sealed meanwhile, and nothing when it has gone", async () => {
    meanwhile = () => {
      phase = "sealed";
    };
    expect(await list()).toEqual(page("moving") as Answer);
    phase = "serving";
    meanwhile = () => {
      phase = "closed";
    };
    expect(await list()).toEqual(elsewhere as Answer);
    phase = "serving";
    meanwhile = () => {
      isThere = false;
    };
    expect(await list()).toEqual(elsewhere as Answer);
  });

  test("says nothing of its actors while it may not be alive for the others", async () => {
    isOpen = false;
    expect(await list()).toEqual({ type: "busy" });
  });
});
