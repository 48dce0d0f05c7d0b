/**
 * Streams that record messages which are meant for somebody else, and answer them.
 *
 * JetStream acknowledges whatever a stream has recorded to the message's reply subject. Of a request, that comes before
 * the answer, and the client takes it for the answer.
 *
 * @module
 */
import type { NatsConnection } from "@nats-io/nats-core";
import type { Recorder } from "../transport.ts";

/** What is asked for it. A user who may not publish to it is not told, and nothing depends on that. */
export const RECORDERS_SUBJECT = "$JS.API.STREAM.LIST";

const ASK_TIMEOUT_MS = 2_000;

/** The streams that record something of these subjects and acknowledge it; `undefined` if nobody says. */
export async function recordersOf(client: NatsConnection, subject: string): Promise<Recorder[] | undefined> {
  try {
    const question = JSON.stringify({ subject, offset: 0 });
    const answer = await client.request(RECORDERS_SUBJECT, question, { timeout: ASK_TIMEOUT_MS });
    return recordersIn(answer.json());
  } catch {
    return undefined; // no answer, no permission, or no JetStream
  }
}

/** The first page is enough: one of them is told, and the rest when that is mended. */
export function recordersIn(answer: unknown): Recorder[] | undefined {
  const { streams } = (answer ?? {}) as { readonly streams?: unknown };
  if (streams === undefined || streams === null) return [];
  if (!Array.isArray(streams)) return undefined;
  return streams.flatMap((each: { config?: { name?: unknown; subjects?: unknown; no_ack?: unknown } }) => {
    const { name, subjects, no_ack } = each?.config ?? {};
    if (typeof name !== "string" || no_ack === true) return [];
    return [{ stream: name, subjects: Array.isArray(subjects) ? subjects.map(String) : [] }];
  });
}
