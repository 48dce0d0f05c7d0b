// Every method of the port, with every way in which a request may end: nothing but what the port documents comes out.
import { JetStreamApiError } from "@nats-io/jetstream";
import { errors, type Msg, type NatsConnection, RequestError } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../platform/clock.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import type { RecordFate } from "../../transport/memory/records.ts";
import { natsTransport, type NatsTransportConnection } from "../../transport/nats/connection.ts";
import { openNatsRecords } from "../../transport/nats/records.ts";
import { isRecordsError, type Records } from "../../transport/records.ts";
import { within } from "../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const VALUE = new Uint8Array([1]);
const METHODS: readonly (readonly [string, (records: Records) => Promise<unknown>])[] = [
  ["create", (records) => records.create("k.new", VALUE)],
  ["update", (records) => records.update("k.a", VALUE, 1)],
  ["remove", (records) => records.remove("k.a", 1)],
  ["get", (records) => records.get("k.a")],
  ["condition", (records) => records.condition()],
  ["watch", (records) => records.watch("k", () => {}).then((watch) => watch.stop())],
  ["watch once", (records) => records.watch("k", () => {}, { once: true }).then((watch) => watch.stop())],
];

/** A documented error's code, or what else came. */
async function ended(promise: Promise<unknown>): Promise<string> {
  const end = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (end === undefined) return "answered";
  return isRecordsError(end.error) ? end.error.code : `undocumented: ${String(end.error)}`;
}

/** What JetStream answers with. */
function answering(status: number, number: number, description: string): () => Promise<Msg> {
  const error = { code: status, err_code: number, description };
  return saying(JSON.stringify({ type: "error", error }));
}
function saying(text: string): () => Promise<Msg> {
  return () => Promise.resolve({ data: new TextEncoder().encode(text) } as Msg);
}
const failing = (error: unknown) => () => Promise.reject(error);

const NATS_ENDS: Readonly<Record<string, readonly [() => Promise<Msg>, string]>> = {
  "a time-out": [failing(new errors.TimeoutError()), "records-unavailable"],
  "no responders": [
    failing(new RequestError("503", { cause: new errors.NoRespondersError("a") })),
    "records-unavailable",
  ],
  "a closed connection": [failing(new errors.ClosedConnectionError()), "records-unavailable"],
  "a draining connection": [failing(new errors.DrainingConnectionError()), "records-unavailable"],
  "something unheard of": [failing(new RangeError("what?")), "records-unavailable"],
  "an answer that is none": [saying("nothing"), "records-unavailable"],
  "a server without a leader": [answering(503, 10_008, "temporarily unavailable"), "records-unavailable"],
  "a full store": [answering(500, 10_047, "insufficient storage"), "records-refused"],
  "an error from JetStream that is thrown": [
    failing(new JetStreamApiError({ code: 400, err_code: 10_109, description: "sealed" })),
    "records-refused",
  ],
  "a refused subject": [
    failing(new RequestError("no", { cause: new errors.PermissionViolationError("no", "publish", "$JS") })),
    "permission-denied",
  ],
};

describe("Records over a troubled nats-server", () => {
  let server: NatsServer;
  let connection: NatsTransportConnection;
  let request: (() => Promise<Msg>) | undefined;
  let records: Records;

  beforeAll(async () => {
    server = await startNatsServer();
    connection = await natsTransport({ servers: server.url });
    const { client } = connection;
    const troubled = new Proxy(client, {
      get(target, name) {
        if (name === "request" && request !== undefined) return request;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    records = await openNatsRecords(troubled as NatsConnection, "troubled", systemClock(), {});
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  for (const [what, [end, code]] of Object.entries(NATS_ENDS)) {
    // a watch goes on asking as long as nothing is said, for ten seconds; `tests/transport/nats/watch.test.ts` shows that
    const methods = METHODS.filter(([name]) => code !== "records-unavailable" || !name.startsWith("watch"));
    test(`end as ${code} when their requests end with ${what}`, async () => {
      request = end;
      for (const [name, ask] of methods) {
        const seen = await within(ended(ask(records)), 5_000, `an end of "${name}"`);
        expect({ name, seen }).toEqual({ name, seen: code });
      }
      request = undefined;
    });
  }

  test("end as they should as soon as the server does", async () => {
    const ends = await within(Promise.all(METHODS.map(([, ask]) => ended(ask(records)))), 10_000);
    expect(ends).toEqual(METHODS.map(() => "answered"));
  });
});

const FATES: readonly (readonly [RecordFate, string])[] = [
  ["answer", "answered"],
  ["lose-request", "records-unavailable"],
  ["lose-answer", "records-unavailable"],
  ["apply-late", "records-unavailable"],
  ["not-now", "records-unavailable"],
  ["refuse", "records-refused"],
];

describe("Records over a troubled memory", () => {
  test.each([...FATES])(
    "end with what the port documents when each request ends as %s",
    async (fate, code) => {
      const clock = new ManualClock();
      let troubled = false;
      const network = new MemoryNetwork({ clock, recordFilter: () => (troubled ? fate : "answer") });
      const records = await network.connect("a").records("troubled");
      troubled = true;
      for (const [name, ask] of METHODS) {
        const end = ended(ask(records));
        await clock.advance(2_000);
        expect({ name, end: await end }).toEqual({ name, end: code });
      }
    },
  );
});
