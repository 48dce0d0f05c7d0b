// What becomes of the messages of a stream in the hands of one node, step by step: with a reader, a router and a clock of the test.
import { beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, defineActor, type Durability, host, type SubscriptionBasics, tell } from "../../mod.ts";
import { createCodec } from "../../codec/codec.ts";
import {
  BusyError,
  HandlerError,
  OutcomeUnknownError,
  StreamUnavailableError,
  TooLargeError,
  UnavailableError,
} from "../../errors.ts";
import { EventBus, type NodeEvent } from "../../events.ts";
import { seededRandom } from "../../platform/random.ts";
import { Session, type SessionDeps, type SubscriptionCounts } from "../../subscriptions/session.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { ReaderStatus, StreamMessage, StreamReader, Written } from "../../transport/streams.ts";

const messages = { add: tell(z.object({ to: z.string() })) };
const contractOf = (durability: Durability) =>
  defineActor("cart", { state: z.strictObject({}), stateVersion: 1, durability, messages });
type CartContract = ReturnType<typeof contractOf>;

class CartActor extends Actor<CartContract> {
  static initialState() {
    return {};
  }
  add() {}
}

let clock: ManualClock;
let told: NodeEvent[];
let gate: { isOpen: boolean };
/** What was done with messages, as "settle 1". */
let done: string[];
/** What was sent to actors, and what ends it. */
let sent: { name: string; type: string; position: string | undefined; end(error?: Error): void }[];
let written: { subject: string; headers: Readonly<Record<string, string>>; bytes: number }[];
let write: () => Written;
let status: () => Promise<ReaderStatus>;
let give: (message: StreamMessage) => void;
let missing: string[];
let counts: SubscriptionCounts;
let session: Session;

function begin(durability: Durability = "stored", more: Partial<SubscriptionBasics> = {}): void {
  const contract = contractOf(durability);
  const subscriptions = [
    { stream: "S", message: "add", name: (_: string, { to }: { to: string }) => to, ...more } as const,
  ];
  const hosted = host(contract, CartActor, { subscriptions }).register(undefined);
  const [subscription] = hosted.subscriptions;
  if (subscription === undefined) throw new Error("expected one");
  const events = new EventBus(() => clock.wall());
  events.listen((event) => void told.push(event));
  const deps = {
    ...{ clock, random: seededRandom(1), gate, codec: createCodec(), events, tryMs: 5_000 },
    of: { cluster: "shop", generation: "3k9x02ab" },
    router: {
      send: ({ name, type, headers }) =>
        new Promise((resolve, reject) => {
          const end = (error?: Error) => (error ? reject(error) : resolve(undefined));
          sent.push({ name, type, position: headers?.get(":stream"), end });
        }),
    },
    streams: {
      open: () => Promise.reject(new Error("unused")),
      write: (subject, payload, headers) => {
        const result = write();
        written.push({ subject, headers: { ...headers }, bytes: payload.byteLength });
        return Promise.resolve(result);
      },
    },
  } satisfies SessionDeps;
  const reader: StreamReader = {
    made: 7,
    start: (onMessage) => {
      give = onMessage;
    },
    stop: () => void done.push("stop"),
    status: () => status(),
  };
  session = new Session(deps, { hosted, subscription, durable: "shop-cart-add", counts }, reader, (error) => {
    missing.push(error.message);
  });
  session.start();
}

let last: number;
function deliver(sequence: number, to: unknown = "a", deliveries = 1): void {
  last++;
  give({
    ...{ subject: "orders.x", sequence, delivery: last, deliveries },
    payload: new TextEncoder().encode(JSON.stringify({ to })),
    header: () => undefined,
    settle: () => void done.push(`settle ${sequence}`),
    release: () => void done.push(`release ${sequence}`),
    hold: () => void done.push(`hold ${sequence}`),
  });
}
const end = async (at: number, error?: Error) => {
  sent[at]?.end(error);
  await clock.settle();
};
const names = () => sent.map(({ name }) => name);

beforeEach(() => {
  clock = new ManualClock();
  [told, done, sent, written, missing] = [[], [], [], [], []];
  gate = { isOpen: true };
  write = () => "recorded";
  status = () => Promise.resolve({ unsettled: 0, lastDelivery: 0, waiting: 3 });
  counts = { settled: 0, buried: 0, refused: 0 };
  last = 0;
});

describe("a message of a stream", () => {
  for (const [durability, type] of [
    ["memory", "tell"],
    ["stored", "ask"],
  ] as const)
    test(`goes as one ${type} to an actor that is ${durability}, with its position, and is settled when that ends`, async () => {
      begin(durability);
      await clock.settle();
      deliver(5);
      expect(sent).toMatchObject([{ name: "a", type, position: "7 5 shop-cart-add" }]);
      expect(done).toEqual([]);
      await end(0);
      expect(done).toEqual(["settle 5"]);
      expect([session.inFlight, session.waiting, counts]).toEqual([
        0,
        3,
        { settled: 1, buried: 0, refused: 0 },
      ]);
    });

  test("is tried again as long as that takes when it is refused for what passes, which is told once in ten seconds", async () => {
    begin();
    await clock.settle();
    deliver(1);
    deliver(2);
    deliver(3, "b");
    expect(names()).toEqual(["a", "b"]);
    await end(1);
    for (let i = 0; i < 60; i++) {
      const at = sent.length - 1;
      await end(at === 1 ? 0 : at, new UnavailableError("Cannot: nobody has it"));
      await clock.advance(10_000);
      expect(names().at(-1)).toBe("a");
    }
    const delayed = told.filter(({ type }) => type === "subscription-delayed");
    expect(delayed.length).toBeGreaterThan(30);
    expect(delayed.length).toBeLessThan(61);
    expect(delayed[0]).toMatchObject({ kind: "cart", name: "a", durable: "shop-cart-add", sequence: 1 });
    expect([written, session.error?.code, counts.buried]).toEqual([[], "unavailable", 0]);
    await end(sent.length - 1);
    expect([done.filter((each) => each.startsWith("settle")), session.error]).toEqual([
      ["settle 3", "settle 1"],
      undefined,
    ]);
    expect(sent.at(-1)?.position).toBe("7 2 shop-cart-add"); // the one behind it
  });

  test("waits as long as a refusal asks for", async () => {
    begin();
    await clock.settle();
    deliver(1);
    await end(0, new BusyError("Cannot", { retryAfterMs: 3_000 }));
    await clock.advance(2_900);
    expect(sent.length).toBe(1);
    await clock.advance(200);
    expect(sent.length).toBe(2);
  });

  test("is set aside after its tries, with its reason, and then the one behind it begins", async () => {
    begin("stored", { tries: 3, deadLetter: "graveyard" });
    await clock.settle();
    deliver(1);
    deliver(2);
    for (let i = 0; i < 3; i++) {
      expect(sent.length).toBe(i + 1);
      await end(i, new HandlerError("SECRET"));
      await clock.advance(1_000);
    }
    expect(written).toMatchObject([
      {
        subject: "graveyard",
        headers: { "Baton-Error": "handler-error", "Baton-Tries": "3", "Baton-Name": "a" },
      },
    ]);
    expect(told).toMatchObject([
      { type: "message-buried", name: "a", sequence: 1, tries: 3, to: "graveyard", written: "recorded" },
    ]);
    expect(done.filter((each) => each.startsWith("settle"))).toEqual(["settle 1"]);
    expect(sent.at(-1)?.position).toBe("7 2 shop-cart-add");
    expect(counts).toEqual({ settled: 1, buried: 1, refused: 3 });
  });

  test("counts an owner that was lost as a failed try, and one that did not answer in time not", async () => {
    begin("stored", { tries: 2 });
    await clock.settle();
    deliver(1);
    for (let i = 0; i < 4; i++) {
      await clock.advance(5_000); // as long as a try may take
      await end(i, new OutcomeUnknownError("Cannot tell"));
      await clock.advance(1_500);
      expect(sent.length).toBe(i + 2);
    }
    for (let i = 4; i < 6; i++) {
      await end(i, new OutcomeUnknownError("Cannot tell"));
      await clock.advance(1_500);
    }
    expect(written[0]?.headers).toMatchObject({ "Baton-Error": "outcome-unknown", "Baton-Tries": "2" });
  });

  test("that was delivered again and again, and never ended, is set aside without another try", async () => {
    begin("stored", { tries: 2 });
    await clock.settle();
    deliver(1, "a", 8);
    deliver(2, "b", 9);
    await clock.settle();
    expect(names()).toEqual(["a"]);
    expect(written).toMatchObject([{ headers: { "Baton-Error": "outcome-unknown", "Baton-Sequence": "2" } }]);
  });

  test("is written as a dead letter again while nobody hears, without its bytes if it is too long, and told in any case", async () => {
    begin();
    await clock.settle();
    write = () => "unheard";
    deliver(1, 7);
    await clock.advance(10_000);
    expect(written.length).toBe(4);
    expect(told).toMatchObject([{ type: "message-buried", written: "unheard", sequence: 1 }]);
    let isFirst = true;
    write = () => {
      if (!isFirst) return "recorded";
      isFirst = false;
      throw new TooLargeError("Cannot write");
    };
    deliver(2, 7);
    await clock.advance(10_000);
    expect(written.at(-1)).toMatchObject({ bytes: 0, headers: { "Baton-Payload": "left out" } });
    write = () => {
      throw new TooLargeError("Cannot write even that");
    };
    deliver(3, 7);
    await clock.advance(10_000);
    expect(told.at(-1)).toMatchObject({ type: "message-buried", written: "refused", sequence: 3 });
    expect(done.filter((each) => each.startsWith("settle"))).toEqual(["settle 1", "settle 2", "settle 3"]);
  });
});

describe("a node that reads", () => {
  test("holds what takes long, and nothing when it has nothing", async () => {
    begin("stored", { ackWaitMs: 3_000 });
    await clock.settle();
    deliver(1);
    deliver(2);
    await clock.advance(2_500);
    expect(done).toEqual(["hold 1", "hold 2", "hold 1", "hold 2"]);
    await end(0);
    await end(1);
    done = [];
    await clock.advance(20_000);
    expect(done).toEqual([]);
  });

  test("begins nothing while it may have no effects, and settles and sets aside nothing", async () => {
    begin();
    await clock.settle();
    deliver(1);
    gate.isOpen = false;
    deliver(2, "b");
    await end(0);
    deliver(3, "a");
    await clock.advance(30_000);
    expect([names(), done]).toEqual([["a"], []]);
    gate.isOpen = true;
    session.resume();
    expect(done).toEqual(["settle 1"]);
    expect(names().toSorted()).toEqual(["a", "a", "b"]);
  });

  test("begins nothing before all that is not settled is in its hands", async () => {
    let unsettled = 2;
    status = () => Promise.resolve({ unsettled, lastDelivery: last, waiting: 0 });
    begin();
    await clock.settle();
    deliver(9);
    await clock.advance(2_000);
    expect([names(), session.isWhole]).toEqual([[], false]);
    deliver(8);
    await clock.advance(1_000);
    expect(sent.map(({ position }) => position)).toEqual(["7 8 shop-cart-add"]);
    unsettled = 4;
    last++; // one that does not come here
    deliver(11, "b");
    await clock.advance(2_000);
    expect([names(), session.isWhole]).toEqual([["a"], false]);
    deliver(10, "b");
    await clock.advance(2_000);
    expect(sent.map(({ position }) => position)).toEqual(["7 8 shop-cart-add", "7 10 shop-cart-add"]);
  });

  test("asks on when it gets no answer, and tells when the reader is not there any more", async () => {
    let answers = 0;
    status = () => Promise.reject(new StreamUnavailableError("Cannot: no answer"));
    begin();
    await clock.advance(60_000);
    expect([session.isWhole, missing]).toEqual([false, []]);
    status = () => {
      answers++;
      return Promise.resolve({ unsettled: 0, lastDelivery: 0, waiting: 0 });
    };
    await clock.advance(20_000);
    expect(session.isWhole).toBe(true);
    expect(answers).toBeLessThan(7); // once it is whole, every five seconds
    status = () => Promise.reject(new StreamUnavailableError("Cannot: gone", { reason: "missing" }));
    await clock.advance(5_000);
    expect(missing).toEqual(["Cannot: gone"]);
  });

  test("gives back what has not begun when it leaves, and what comes late, and ends what has", async () => {
    begin();
    await clock.settle();
    deliver(1);
    deliver(2);
    deliver(3, "b");
    deliver(4, "c");
    await end(1, new UnavailableError("Cannot"));
    session.leave();
    expect(done).toEqual(["stop", "release 2", "release 3"]);
    deliver(5, "d");
    await end(0);
    await end(2, new HandlerError("Cannot"));
    expect(done.slice(3)).toEqual(["release 5", "settle 1", "release 4"]);
    await clock.advance(60_000);
    expect([names().length, session.inFlight, written]).toEqual([3, 0, []]);
  });

  test("does nothing any more when its node is over", async () => {
    begin();
    await clock.settle();
    deliver(1);
    session.stop();
    done = [];
    await end(0);
    deliver(2);
    await clock.advance(60_000);
    expect([done, names(), clock.nextInMs]).toEqual([[], ["a"], undefined]);
  });
});
