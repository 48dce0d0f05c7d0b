import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { StreamConfig } from "@nats-io/jetstream";
import { ConfigurationError } from "../../../errors.ts";
import { type NatsTransportConnection, natsTransport } from "../../../transport/nats/connection.ts";
import { unfitIn } from "../../../transport/nats/bucket_config.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

type Settings = Record<string, unknown>;

/** What a bucket is made with. */
function settings(bucket: string, more: Settings = {}): Settings {
  const common = { storage: "file", retention: "limits", num_replicas: 1, allow_rollup_hdrs: true };
  const subjects = [`$KV.${bucket}.>`];
  return { name: `KV_${bucket}`, subjects, max_msgs_per_subject: 1, discard: "new", ...common, ...more };
}

const FIT: [string, Settings][] = [
  ["no limits, and discard old", { discard: "old" }],
  ["a bound on the bytes that refuses what is above it", { max_bytes: 100_000_000 }],
  ["a bound on the messages that refuses what is above it", { max_msgs: 100_000 }],
  ["a history", { max_msgs_per_subject: 64 }],
  [
    "nothing that may be deleted or purged",
    { deny_delete: true, deny_purge: true, allow_rollup_hdrs: false },
  ],
  ["no rollups", { allow_rollup_hdrs: false }],
  ["copies of its messages for others", { republish: { src: ">", dest: "copies.>" } }],
  ["reading from any server", { allow_direct: true }],
  ["another window for duplicates", { duplicate_window: 60_000_000_000 }],
  ["room for long values", { max_msg_size: 1_000_000 }],
];
/** With what the refusal names. */
const UNFIT: [string, Settings, RegExp][] = [
  ["few messages", { max_msgs: 60, discard: "old" }, /60 messages \(max_msgs\) with discard "old"/],
  ["few bytes", { max_bytes: 1_000_000, discard: "old" }, /1000000 bytes \(max_bytes\) with discard "old"/],
  ["an age", { max_age: 3_600_000_000_000 }, /age of at most 3600 s/],
  ["a store in memory", { storage: "memory" }, /storage of "memory"/],
  ["other subjects", { subjects: ["$KV.other.>"] }, /subjects of something else/],
  ["interest", { retention: "interest" }, /retention of "interest"/],
  ["a queue of work", { retention: "workqueue" }, /retention of "workqueue"/],
  ["all former values", { max_msgs_per_subject: -1 }, /history of -1/],
  ["more former values than a bucket has", { max_msgs_per_subject: 1_000 }, /history of 1000/],
  [
    "one value of each key for ever",
    { discard_new_per_subject: true },
    /discard_new_per_subject: no record can be changed/,
  ],
  ["short values", { max_msg_size: 65_536 }, /at most 65536 bytes \(max_msg_size\), instead of 525312/],
  ["few watches", { max_consumers: 3 }, /at most 3 consumers/],
  ["no confirmations", { no_ack: true }, /no_ack/],
];
/** What this server's version, or its API, does not let one make. */
const UNFIT_ELSEWHERE: [string, Settings, RegExp][] = [
  ["a mirror", { mirror: { name: "KV_other" }, subjects: undefined }, /mirror of "KV_other"/],
  ["sources", { sources: [{ name: "KV_other" }] }, /sources/],
  ["a seal", { sealed: true }, /seal/],
  ["a transform", { subject_transform: { src: ">", dest: "x.>" } }, /subject_transform/],
  ["counters", { allow_msg_counter: true }, /counters/],
  ["a late disk", { persist_mode: "async" }, /persist_mode of "async"/],
  [
    "short lives of consumers",
    { consumer_limits: { inactive_threshold: 5_000_000_000 } },
    /consumers that end after 5000 ms/,
  ],
];
const NEEDS = { valueBytes: 524_288, consumerIdleMs: 60_000 };

function faultOf(more: Settings): string | undefined {
  return unfitIn(settings("shop", more) as unknown as StreamConfig, NEEDS, "shop");
}

describe("the settings of a stream", () => {
  test.each(FIT)("fit records with %s", (_, more) => expect(faultOf(more)).toBeUndefined());
  test.each([...UNFIT, ...UNFIT_ELSEWHERE])("do not with %s", (_, more, words) =>
    expect(faultOf(more)).toMatch(words),
  );
  test("may leave out what servers of other versions do not know", () => {
    const { retention: _, ...fewer } = settings("shop");
    expect(unfitIn(fewer as unknown as StreamConfig, NEEDS, "shop")).toBeUndefined();
  });
});

describe("a bucket that an operator has made", () => {
  let server: NatsServer;
  let connection: NatsTransportConnection;
  let made = 0;

  beforeAll(async () => {
    server = await startNatsServer();
    connection = await natsTransport({ servers: server.url });
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  async function make(more: Settings): Promise<string> {
    const bucket = `made-${++made}`;
    const own = more.subjects ? more : { ...more, subjects: [`$KV.${bucket}.>`] };
    const body = JSON.stringify(settings(bucket, own));
    const { error } = (
      await connection.client.request(`$JS.API.STREAM.CREATE.KV_${bucket}`, body, { timeout: 5_000 })
    ).json<{ error?: { description: string } }>();
    if (error) throw new Error(error.description);
    return bucket;
  }

  test.each(FIT.filter(([, { republish }]) => !republish))("is used with %s", async (_, more) => {
    const records = await connection.records(await make(more));
    expect((await records.create("k.a", new Uint8Array(10))).ok).toBe(true);
  });

  test.each(UNFIT.filter(([, { subjects }]) => !subjects))(
    "is refused with %s, by name",
    async (_, more, words) => {
      const bucket = await make(more);
      const refusal = await connection.records(bucket).then(
        () => new Error("expected a refusal, but it went well"),
        (error: Error) => error,
      );
      expect(refusal).toBeInstanceOf(ConfigurationError);
      expect(refusal.message).toMatch(words);
      expect(refusal.message).toContain(`"${bucket}"`);
    },
  );
});
