/**
 * What is said to groups, for any NATS client that follows: it is written to `<cluster>.feed.<group>.<name>.<message>` as it goes out to
 * the members, by the node that publishes it. Nobody of the cluster listens there, so nothing comes back.
 *
 * @module
 */
import type { Group } from "../actors/group/group.ts";
import type { ClusterId } from "../cluster/records/schemas.ts";
import type { Codec } from "../codec/codec.ts";
import { toJsonText } from "../codec/json.ts";
import type { GroupFeed } from "../groups/groups.ts";
import { encodeToken, escapedName, type Subjects } from "../transport/subjects.ts";
import type { Transport } from "../transport/transport.ts";
import type { FeedForm, TopicSettings } from "./options.ts";
import { CBOR, GENERATION, NAME } from "./payload.ts";

/** What it works with. */
export interface FeedDeps {
  readonly of: ClusterId;
  readonly transport: Transport;
  readonly subjects: Subjects;
  readonly codec: Codec;
}

/** See the module's text. */
export class Feed implements GroupFeed {
  readonly #deps: FeedDeps;
  readonly #forms: ReadonlyMap<string, FeedForm>;
  /** What had no form, or was too long for a message of this server: members have it, followers do not. */
  dropped = 0;

  constructor(deps: FeedDeps, topics: readonly TopicSettings[]) {
    this.#deps = deps;
    this.#forms = new Map(
      topics.flatMap(({ group, follow }) => (follow ? [[group.group, follow] as const] : [])),
    );
  }

  published({ group }: Group, name: string, message: string, argument: unknown): void {
    const form = this.#forms.get(group);
    if (form === undefined) return;
    const { subjects, transport, of } = this.#deps;
    try {
      const headers = {
        [GENERATION]: of.generation,
        ...(form === "cbor" ? { "Content-Type": CBOR } : {}),
        ...(encodeToken(name).startsWith("=h") ? { [NAME]: escapedName(name) } : {}),
      };
      transport.publish(subjects.feed(group, name, message), this.#payload(form, argument), { headers });
    } catch {
      this.dropped++;
    }
  }

  #payload(form: FeedForm, argument: unknown): Uint8Array {
    if (argument === undefined) return new Uint8Array();
    if (form === "cbor") return this.#deps.codec.encode(argument).slice();
    return new TextEncoder().encode(toJsonText(argument) ?? "");
  }
}
