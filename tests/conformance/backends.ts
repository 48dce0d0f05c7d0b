// The transports that one suite of behaviours runs against.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { seededRandom } from "../../platform/random.ts";
import { sqliteStore } from "../../storage/sqlite/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryNetwork, spreadLatency } from "../../transport/memory/network.ts";
import { natsTransport } from "../../transport/nats/connection.ts";
import type { Connection } from "../../transport/transport.ts";
import { until, within } from "../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const TIMEOUT_MS = 10_000;
const STEP_MS = 5;
const STEPS_MAX = 2_000;

/** One transport under test, fresh for each test. */
export interface Bench {
  /** A new connection to what all connections of this bench share. */
  connect(name: string): Promise<Connection>;
  /** What callbacks threw, on any connection. */
  readonly errors: unknown[];
  /** Waits until the probe is truthy. */
  eventually(what: string, probe: () => unknown): Promise<void>;
  /** Waits for a promise. */
  done<T>(promise: Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** A transport by name. */
export interface Backend {
  readonly name: string;
  open(): Promise<Bench>;
  /** Ends what the benches shared. */
  end(): Promise<void>;
}

/** Memory at once, memory with delays in virtual time, a real server, and messages in memory with records in a file. */
export function backends(): Backend[] {
  return [memoryAtOnce(), memoryDelayed(), nats(), inFile()];
}

function memoryAtOnce(): Backend {
  const open = () => {
    const network = new MemoryNetwork();
    const errors: unknown[] = [];
    return Promise.resolve({
      errors,
      connect: (name: string) =>
        Promise.resolve(network.connect(name, { onError: (error) => errors.push(error) })),
      eventually: async (what: string, probe: () => unknown) => void (await until(what, probe)),
      done: <T>(promise: Promise<T>) => within(promise, TIMEOUT_MS),
      end: () => Promise.resolve(),
    });
  };
  return { name: "memory", open, end: () => Promise.resolve() };
}

function memoryDelayed(): Backend {
  const open = () => {
    const clock = new ManualClock();
    const random = seededRandom(7);
    const network = new MemoryNetwork({
      clock,
      latencyMs: spreadLatency(random, 1, 40),
      recordLatencyMs: () => random.next() * 20,
      watchDelayMs: () => random.next() * 30,
    });
    const errors: unknown[] = [];
    return Promise.resolve({
      errors,
      connect: (name: string) =>
        Promise.resolve(network.connect(name, { onError: (error) => errors.push(error) })),
      eventually: (what: string, probe: () => unknown) => advanceUntil(clock, what, probe),
      done: async <T>(promise: Promise<T>) => {
        let settled = false;
        const settle = () => {
          settled = true;
        };
        promise.then(settle, settle);
        await advanceUntil(clock, "a settled promise", () => settled);
        return promise;
      },
      end: () => Promise.resolve(),
    });
  };
  return { name: "memory with delays", open, end: () => Promise.resolve() };
}

async function advanceUntil(clock: ManualClock, what: string, probe: () => unknown): Promise<void> {
  for (let step = 0; step < STEPS_MAX; step++) {
    await clock.settle();
    if (probe()) return;
    await clock.advance(STEP_MS);
  }
  throw new Error(`expected ${what} within ${STEP_MS * STEPS_MAX} virtual ms, last seen ${String(probe())}`);
}

function nats(): Backend {
  let server: NatsServer | undefined;
  const open = async () => {
    server ??= await startNatsServer();
    const { url } = server;
    const errors: unknown[] = [];
    const connections: Connection[] = [];
    const connect = async (name: string) => {
      const connection = await natsTransport({ servers: url, name, onError: (error) => errors.push(error) });
      connections.push(connection);
      return connection;
    };
    return {
      errors,
      connect,
      eventually: async (what: string, probe: () => unknown) => void (await until(what, probe)),
      done: <T>(promise: Promise<T>) => within(promise, TIMEOUT_MS),
      end: async () => void (await Promise.all(connections.map((connection) => connection.close()))),
    };
  };
  const end = async () => {
    await server?.stop();
    server = undefined;
  };
  return { name: "nats", open, end };
}

function inFile(): Backend {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "baton-records-"));
  let count = 0;
  const open = async () => {
    const network = new MemoryNetwork();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const store = await sqliteStore({ path: path.join(folder, `${++count}.db`) });
    const records = store.takeBuckets({ onError });
    return {
      errors,
      connect: (name: string) => {
        const connection = network.connect(name, { onError });
        const { transport, type } = connection;
        return Promise.resolve({ transport, type, records, close: () => connection.close() });
      },
      eventually: async (what: string, probe: () => unknown) => void (await until(what, probe)),
      done: <T>(promise: Promise<T>) => within(promise, TIMEOUT_MS),
      end: () => store.close(),
    };
  };
  return {
    name: "memory, with records in a file",
    open,
    end: () => Promise.resolve(fs.rmSync(folder, { recursive: true, force: true })),
  };
}
