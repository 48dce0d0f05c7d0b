// What somebody outside of the cluster is told when a call fails: by the door, and by HTTP, for every class of error.
import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { Door } from "../../door/door.ts";
import { doorOptions } from "../../door/options.ts";
import type { Groups } from "../../groups/groups.ts";
import type { Router } from "../../delivery/router.ts";
import { DELIVERY_DEFAULTS } from "../../delivery/settings.ts";
import { ERROR_CODES, fromErrorData, statusOf } from "../../errors.ts";
import { EventBus } from "../../events.ts";
import { actorRoutes } from "../../http/mod.ts";
import { createCodec } from "../../codec/codec.ts";
import { subjects } from "../../transport/subjects.ts";
import type { Incoming, Transport } from "../../transport/transport.ts";
import { FakeNode } from "../http/fake_node.ts";
import { Ledger } from "../support/ledger.ts";

const SECRETS = ["SECRET", "untrusted_callers", "at <anonymous>", "node_modules", ".ts:"];

/** An error that has everything which must not leave. */
function loaded(code: string): Error {
  const data = { code, message: "Cannot do it: 7 is too much", retryable: false };
  const cause = new TypeError("SECRET cause");
  const remoteStack = "Error: SECRET\n    at secret (/srv/SECRET.ts:1:1)";
  return Object.assign(fromErrorData({ ...data, remoteStack, causeName: "SECRET", causeCode: "SECRET" }), {
    cause,
  });
}

const FOREIGN: readonly (readonly [string, unknown])[] = [
  ["a TypeError", new TypeError("SECRET is not a function")],
  ["an object", { message: "SECRET", stack: "SECRET" }],
  ["a string", "SECRET"],
  ["nothing", undefined],
];

interface Answer {
  readonly text: string;
  readonly code: string;
  readonly status: string;
}

/** What a door whose node fails with that error publishes, as text. */
async function doorAnswer(error: unknown, showHandlerErrors = false, contentType?: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let call: ((message: Incoming) => void) | undefined;
  const codec = createCodec();
  const transport = {
    subscribe: (_subject: string, onMessage: (message: Incoming) => void) => {
      call = onMessage;
      return { unsubscribe: () => {}, drain: () => {} };
    },
    publish: (
      _subject: string,
      payload: Uint8Array,
      { headers = {} }: { headers?: Record<string, string> },
    ) => {
      const body =
        contentType === undefined ? JSON.parse(new TextDecoder().decode(payload)) : codec.decode(payload);
      const text = JSON.stringify([body, headers]);
      resolve({ text, code: body.code, status: headers["Nats-Service-Error-Code"] ?? "" });
    },
  } as unknown as Transport;
  const router = { call: () => Promise.reject(error) } as unknown as Router;
  const deps = {
    of: { cluster: "test", generation: "3k9x02ab" },
    transport,
    router,
    codec,
    subjects: subjects("test"),
    hosts: new Map(),
    events: new EventBus(() => 0),
    groups: {} as Groups,
  };
  new Door(deps, doorOptions({ showHandlerErrors }, DELIVERY_DEFAULTS.callTimeoutMs)).open();
  call?.({
    subject: "test.call.ledger.x.read",
    payload: new Uint8Array(),
    reply: "_INBOX.x",
    header: (name) => (name === "Content-Type" ? contentType : undefined),
    noResponders: false,
  });
  return await promise;
}

/** What HTTP answers when the node fails with that error. */
async function httpAnswer(error: unknown, showHandlerErrors = false): Promise<Answer> {
  const node = new FakeNode(() => {
    throw error;
  });
  const app = new Hono().route(
    "/",
    actorRoutes(node, { expose: [Ledger], authorize: "public", showHandlerErrors }),
  );
  const headers = { "content-type": "application/json" };
  const response = await app.request("/ledger/x/read", { method: "POST", headers });
  const text = await response.text();
  const all = JSON.stringify([text, [...response.headers]]);
  return { text: all, code: JSON.parse(text).code, status: String(response.status) };
}

describe("an untrusted caller", () => {
  test.each(ERROR_CODES.map((code) => [code]))("gets neither stack nor cause with %s", async (code) => {
    for (const answer of [
      await doorAnswer(loaded(code)),
      await doorAnswer(loaded(code), false, "application/cbor"),
      await httpAnswer(loaded(code)),
    ]) {
      expect([answer.code, answer.status]).toEqual([code, String(statusOf(code))]);
      // `causeCode` and `causeName` belong to what handlers throw, and to nothing else
      const hidden = code === "handler-error" ? SECRETS : SECRETS.slice(1);
      for (const secret of hidden) expect(answer.text).not.toContain(secret);
      expect(answer.text).not.toContain("SECRET cause");
      expect(answer.text).not.toContain("secret (");
    }
  });

  test.each(FOREIGN)("learns nothing of %s, which is no error of ours", async (_what, thrown) => {
    for (const answer of [await doorAnswer(thrown), await httpAnswer(thrown)]) {
      expect([answer.code, answer.status]).toEqual(["internal-error", "500"]);
      for (const secret of SECRETS) expect(answer.text).not.toContain(secret);
    }
  });

  test("is told the words of a handler's error where that is wanted, and still no stack", async () => {
    const error = fromErrorData({
      code: "handler-error",
      message: "no more tea",
      retryable: false,
      remoteStack: "at SECRET.ts:1",
    });
    for (const answer of [await doorAnswer(error, true), await httpAnswer(error, true)]) {
      expect(answer.text).toContain("no more tea");
      expect(answer.text).not.toContain("SECRET");
    }
    for (const answer of [await doorAnswer(error), await httpAnswer(error)])
      expect(answer.text).not.toContain("tea");
  });
});
