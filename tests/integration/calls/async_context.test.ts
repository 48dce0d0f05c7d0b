// Nobody's code runs in the async context of somebody else: a test for each entry into user land.
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test } from "bun:test";
import {
  type ActorNode,
  type Log,
  MemoryNetwork,
  natsTransport,
  type NodeEvent,
  startNode,
} from "../../../mod.ts";
import type { Store } from "../../../storage/store.ts";
import { recordsStore } from "../../../storage/records/store.ts";
import { until, within } from "../../support/conditions.ts";
import { type Enter, type GuestActor, guest, hostGuest } from "../../support/guest.ts";
import { startNatsServer } from "../../support/nats/nats_server.ts";

/** What a user keeps for the length of a request. */
class Watch {
  readonly request: AsyncLocalStorage<string> = new AsyncLocalStorage<string>();
  /** By entry, whose context was seen in it. */
  readonly seen: Map<string, Set<string>> = new Map<string, Set<string>>();
  /** What handlers do beside. */
  act: (entry: string, actor?: GuestActor) => unknown = () => undefined;

  readonly look: (entry: string) => void = (entry) => {
    const contexts = this.seen.get(entry) ?? new Set<string>();
    this.seen.set(entry, contexts.add(this.request.getStore() ?? "nobody's"));
  };
  readonly enter: Enter = (entry, actor) => {
    this.look(entry);
    return this.act(entry, actor);
  };
  /** Runs something as a request of that name. */
  as<T>(who: string, work: () => T): T {
    return this.request.run(who, work);
  }
  /** A log whose writer looks around. */
  readonly log: Log = {
    debug: () => this.look("log"),
    info: () => this.look("log"),
    warn: () => this.look("log"),
    error: () => this.look("log"),
  };
  /** The same store, whose methods look around. */
  store(store: Store): Store {
    const methods = ["load", "head", "commit", "remove", "timed", "highestEpoch"] as const;
    const spied = methods.map((name) => [
      name,
      (...args: never[]) => {
        this.look(`store.${name}`);
        return (store[name] as (...args: never[]) => unknown)(...args);
      },
    ]);
    return { ...Object.fromEntries(spied), bytesMax: store.bytesMax, close: () => store.close() } as Store;
  }
  expectNobodys(...entries: string[]): void {
    const contexts = Object.fromEntries([...this.seen].map(([entry, seen]) => [entry, [...seen]]));
    const wanted = Object.fromEntries(
      [...this.seen.keys(), ...entries].map((entry) => [entry, ["nobody's"]]),
    );
    expect(contexts).toEqual(wanted);
  }
}

const HANDLED = [
  "constructor",
  "initialState",
  "onActivate",
  "handler",
  "later",
  "argument schema",
  "result schema",
];

async function settled(node: ActorNode, owner: string): Promise<void> {
  await until(`every shard at ${owner}`, () => {
    const shards = node.inspect().shards.filter(({ kind }) => kind === "guest");
    return shards.length > 0 && shards.every((each) => each.owner === owner && each.state === "owned");
  });
}

/** A handler that looks around again when it goes on. */
function lookLater(watch: Watch): void {
  watch.act = (entry) => {
    if (entry !== "handler") return undefined;
    return new Promise((resolve) => setTimeout(resolve, 1)).then(() => watch.look("later"));
  };
}

async function askOfMany(watch: Watch, node: ActorNode, contract: ReturnType<typeof guest>): Promise<void> {
  const asks = Array.from({ length: 60 }, (_, i) =>
    watch.as(`request ${i}`, async () => {
      await node.ref(contract, `page ${i % 20}`).poke(i);
      watch.look(`after the answer ${i}`);
    }),
  );
  await within(Promise.all(asks), 10_000, "sixty answers");
  for (let i = 0; i < 60; i++) {
    expect(watch.seen.get(`after the answer ${i}`)).toEqual(new Set([`request ${i}`])); // its own, as ever
    watch.seen.delete(`after the answer ${i}`);
  }
}

/** A handler that throws, of which the log is told. */
async function failOnce(watch: Watch, node: ActorNode, contract: ReturnType<typeof guest>): Promise<void> {
  watch.act = (entry) => {
    if (entry === "handler") throw new Error("the printer is out of paper");
  };
  const failing = watch.as("request", () => node.ref(contract, "page 0").poke(0));
  expect(await failing.catch(({ code }) => code)).toBe("handler-error");
  lookLater(watch);
}

describe("on one node, which was started in somebody's context", () => {
  test("handlers, hooks, schemas and constructors run in nobody's", async () => {
    const watch = new Watch();
    lookLater(watch);
    const contract = guest(watch.enter);
    const hosts = [hostGuest(contract, watch.enter)];
    const node = await watch.as("starter", () => startNode({ hosts, signals: false }));
    await askOfMany(watch, node, contract);
    await watch.as("leaver", () => node.leave());
    watch.expectNobodys(...HANDLED, "state schema");
  });

  test("timers run in nobody's, also if their handler was in a context of its own when it set them", async () => {
    const watch = new Watch();
    watch.act = (entry, actor) => {
      if (entry !== "handler") return undefined;
      watch.as("handler", () => actor?.schedule("tick", 1, { everyMs: 2 }));
      return undefined;
    };
    const contract = guest(watch.enter);
    const node = await startNode({ hosts: [hostGuest(contract, watch.enter)], signals: false });
    await watch.as("request", () => node.ref(contract, "a").poke(1));
    await until("a timer", () => watch.seen.has("timer"));
    await node.kill();
    watch.seen.delete("tell schema"); // where it is scheduled: in the handler's own
    watch.expectNobodys("timer");
  });

  test("a signal's listeners hear of the end in nobody's, whoever ends it", async () => {
    const watch = new Watch();
    watch.act = (entry, actor) => {
      if (entry !== "handler") return undefined;
      actor?.signal.addEventListener("abort", () => watch.look("abort"));
      return new Promise(() => {});
    };
    const contract = guest(watch.enter);
    const node = await startNode({ hosts: [hostGuest(contract, watch.enter)], signals: false });
    const handling = watch.as("request", () => node.ref(contract, "a").poke(1)).catch(() => undefined);
    await until("the handler runs", () => watch.seen.has("handler"));
    await watch.as("stopper", () => node.kill());
    await handling;
    watch.expectNobodys("abort");
  });

  test("whoever reads its events stays in its own", async () => {
    const watch = new Watch();
    const contract = guest(watch.enter);
    const node = await startNode({ hosts: [hostGuest(contract, watch.enter)], signals: false });
    const reading = watch.as("reader", async () => {
      for await (const event of node.events()) watch.look(`event ${event.type}`);
    });
    await watch.as("request", () => node.ref(contract, "a").poke(1));
    await node.leave();
    await reading;
    expect(watch.seen.get("event actor-activated")).toEqual(new Set(["reader"]));
  });
});

describe("on two nodes in one process", () => {
  test("moves and what they run, logs and stores see nobody's", async () => {
    const watch = new Watch();
    const network = new MemoryNetwork();
    const records = await network.connect("store").records("baton-guests");
    const store = watch.store(recordsStore(records, { recordBytesMax: 65_536 }));
    const older = guest(watch.enter, { durability: "stored", shards: 4 });
    const newer = guest(watch.enter, { durability: "stored", shards: 4, stateVersion: 2 });
    const start = (name: string, contract: typeof older) =>
      watch.as(`starter of ${name}`, () =>
        startNode({
          name,
          transport: network.connect(name, { onError: () => watch.look("onError") }),
          hosts: [hostGuest(contract, watch.enter)],
          store,
          log: watch.log,
          settings: { settleMs: 50, retryMinMs: 50 },
        }),
      );
    lookLater(watch);
    const a = await start("a", older);
    await settled(a, "a");
    await askOfMany(watch, a, older);
    await failOnce(watch, a, older);
    const b = await start("b", newer);
    const events: NodeEvent[] = [];
    void (async () => {
      for await (const event of b.events()) events.push(event);
    })();
    await until("shards at b", () => b.inspect().shards.some(({ owner }) => owner === "b"));
    await askOfMany(watch, b, newer);
    await watch.as("leaver", () => a.leave());
    await settled(b, "b");
    await askOfMany(watch, b, newer);
    await watch.as("leaver", () => b.leave());
    watch.expectNobodys(
      ...HANDLED,
      "onDrain",
      "onDeactivate",
      "upgrade",
      "log",
      "store.load",
      "store.commit",
    );
  });
});

describe("over NATS, whose connections were made in somebody's context", () => {
  test("handlers of remote messages run in nobody's", async () => {
    const server = await startNatsServer();
    const watch = new Watch();
    lookLater(watch);
    const contract = guest(watch.enter);
    const connect = (name: string) =>
      watch.as(`connector of ${name}`, () =>
        natsTransport({ servers: server.url, onError: () => watch.look("onError") }),
      );
    const start = async (name: string, hosts: ReturnType<typeof hostGuest>[]) => {
      const transport = await connect(name);
      return await watch.as(`starter of ${name}`, () =>
        startNode({ name, transport, hosts, signals: false, log: watch.log }),
      );
    };
    const owner = await start("owner", [hostGuest(contract, watch.enter)]);
    const caller = await start("caller", []);
    try {
      await settled(caller, "owner");
      await askOfMany(watch, caller, contract);
      await watch.as("door", () => caller.call("guest", "by words", "poke", 1));
    } finally {
      await watch.as("leaver", () => owner.leave());
      await watch.as("leaver", () => caller.leave());
      await server.stop();
    }
    watch.expectNobodys(...HANDLED);
  });
});
