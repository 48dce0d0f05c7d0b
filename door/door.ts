/**
 * The door: what any NATS client in any language can reach without Baton.
 *
 * - `<cluster>.call.<kind>.<name>.<message>` is an actor's address. The payload is the argument, as JSON, or as CBOR with the header
 *   `Content-Type: application/cbor`; the answer has the same form. An error comes by the convention of NATS services, with a body
 *   `{code, message, retryable}`.
 * - `<cluster>.group.<group>.<name>.<message>` is a group's, for those types of groups that are opened: a message to all of its members.
 *   What is said to a group can be followed: see `feed.ts`.
 *
 * No order and no repetition is promised here: a client that tries again may be handled twice.
 *
 * @module
 */
import { InvalidNameError, UnknownKindError } from "../errors.ts";
import type { Group } from "../actors/group/group.ts";
import type { Registration } from "../actors/host.ts";
import { HEADERS } from "../actors/ref.ts";
import type { Groups } from "../groups/groups.ts";
import type { Subjects } from "../transport/subjects.ts";
import type { Subscription } from "../transport/transport.ts";
import { type DoorRequest, Doorway, type DoorwayDeps } from "./doorway.ts";
import { numbersOnly } from "./integers.ts";
import type { DoorSettings } from "./options.ts";
import { fitted } from "./payload.ts";
import type { Router } from "../delivery/router.ts";

export type { DoorOptions } from "./options.ts";

/** What it works with. */
export interface DoorDeps extends DoorwayDeps {
  readonly subjects: Subjects;
  readonly router: Router;
  readonly groups: Groups;
  readonly hosts: ReadonlyMap<string, Registration>;
}

/** See the module's text. */
export class Door {
  readonly #deps: DoorDeps;
  readonly #options: DoorSettings;
  readonly #way: Doorway;
  #open: Subscription[] = [];

  constructor(deps: DoorDeps, options: DoorSettings) {
    this.#deps = deps;
    this.#options = options;
    this.#way = new Doorway(deps, options);
  }

  /** See {@link Doorway.dropped}. */
  get dropped(): number {
    return this.#way.dropped;
  }

  /** See {@link Doorway.unheard}. */
  get unheard(): number {
    return this.#way.unheard;
  }

  open(): void {
    const { subjects } = this.#deps;
    const way = this.#way;
    this.#open = [
      way.serve(subjects.doorAll(), (request) => this.#call(request)),
      ...this.#options.topics
        .filter(({ publish }) => publish)
        .map(({ group }) => way.serve(subjects.topicOf(group.group), (request) => this.#say(group, request))),
    ];
  }

  /** Takes no new requests; those under way are answered. */
  leave(): void {
    for (const subscription of this.#open) subscription.drain();
  }

  close(): void {
    for (const subscription of this.#open) subscription.unsubscribe();
  }

  async #call(request: DoorRequest): Promise<unknown> {
    const { subjects, router, hosts } = this.#deps;
    const address = subjects.parseDoor(request.subject);
    if (address === undefined)
      throw new InvalidNameError(
        "Cannot call an actor: the subject is not <cluster>.call.<kind>.<name>.<message>",
      );
    const { kind, message } = address;
    if (this.#options.expose && !this.#options.expose.includes(kind))
      throw new UnknownKindError("Cannot call an actor: the door is not open to its kind");
    const name = request.name(address);
    const contract = hosts.get(kind)?.contract;
    const argument = request.argument((value) =>
      contract === undefined ? numbersOnly(value) : fitted(contract.messages, message, value),
    );
    const headers = request.context.over(undefined);
    const { timeoutMs } = request;
    return await router.call(contract, kind, name, message, argument, { timeoutMs }, headers);
  }

  /** Says something to all members of a group. Answered when the owners of all of them have taken it. */
  async #say(group: Group, request: DoorRequest): Promise<unknown> {
    const { subjects, groups } = this.#deps;
    const address = subjects.parseTopic(request.subject);
    if (address === undefined)
      throw new InvalidNameError(
        "Cannot publish to a group: the subject is not <cluster>.group.<group>.<name>.<message>",
      );
    const { message } = address;
    const argument = request.argument((value) => fitted(group.messages, message, value));
    const { timeoutMs, context } = request;
    const options = { timeoutMs, [HEADERS]: context };
    return await groups.way(group, request.name(address), undefined).send("tell", message, argument, options);
  }
}
