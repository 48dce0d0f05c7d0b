import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream";
import { errors, RequestError } from "@nats-io/nats-core";
import { describe, expect, test } from "bun:test";
import { recordsError } from "../../../transport/nats/errors.ts";
import { isRecordsError } from "../../../transport/records.ts";

function answered(status: number, number: number, description: string): JetStreamApiError {
  return new JetStreamApiError({ code: status, err_code: number, description });
}

const NO_ANSWER: readonly (readonly [string, unknown])[] = [
  ["a time-out", new errors.TimeoutError()],
  [
    "nobody that listens",
    new Error("jetstream is not enabled", { cause: new errors.NoRespondersError("a.b") }),
  ],
  ["no responders", new RequestError("no responders", { cause: new errors.NoRespondersError("a.b") })],
  ["a closed connection", new errors.ClosedConnectionError()],
  ["a draining connection", new errors.DrainingConnectionError()],
  ["a broken connection", new errors.ConnectionError("reset")],
  ["an answer that is none", new SyntaxError("Unexpected token")],
  ["an acknowledgement that is none", new JetStreamError("invalid ack response")],
  ["a cluster without a leader", answered(503, 10_008, "JetStream system temporarily unavailable")],
  ["a server that is not the leader", answered(500, 10_009, "JetStream cluster can not handle request")],
  ["a stream that is gone", answered(404, 10_059, "stream not found")],
  ["something that is no error", "nothing"],
];

const REFUSED: readonly (readonly [string, unknown, string | undefined])[] = [
  ["full storage", answered(500, 10_047, "insufficient storage resources available"), "10047"],
  ["a full server", answered(503, 10_023, "insufficient resources"), "10023"],
  ["a full stream", answered(503, 10_077, "maximum bytes exceeded"), "10077"],
  ["a full account", answered(400, 10_002, "resource limits exceeded for account"), "10002"],
  ["a sealed stream", answered(400, 10_109, "invalid operation on sealed stream"), "10109"],
  ["too many consumers", answered(400, 10_026, "maximum consumers limit reached"), "10026"],
  ["a subject that is none", new errors.InvalidSubjectError("a..b"), undefined],
];

describe("recordsError()", () => {
  test.each([...NO_ANSWER])("is no answer when the request ends with %s", (_, cause) => {
    const error = recordsError("update", "k.a", cause);
    expect(error).toMatchObject({ code: "records-unavailable", retryable: true, cause });
    expect(isRecordsError(error)).toBe(true);
  });

  test.each([...REFUSED])("is a refusal with the server's number when it answers %s", (_, cause, number) => {
    const error = recordsError("update", "k.a", cause);
    expect(error).toMatchObject({ code: "records-refused", retryable: false, cause });
    expect(error.causeCode).toBe(number);
    expect(isRecordsError(error)).toBe(true);
  });

  test("says who may not when the server allows it to nobody like us", () => {
    const cause = new errors.PermissionViolationError("no", "publish", "$KV.b.k.a");
    for (const thrown of [cause, new RequestError("refused", { cause })])
      expect(recordsError("update", "k.a", thrown)).toMatchObject({ code: "permission-denied" });
  });

  test("says too large when the stream takes no message of that length", () => {
    const cause = answered(400, 10_054, "message size exceeds maximum allowed");
    expect(recordsError("create", "k.a", cause)).toMatchObject({ code: "too-large" });
  });
});
