/**
 * What the server lets a node do. A message without permission is lost in silence, so a node looks before it joins, and
 * tells of what is refused later.
 *
 * @module
 */
import { PermissionError, toErrorData } from "../errors.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { subjects } from "../transport/subjects.ts";
import type { Connection } from "../transport/transport.ts";

/** Milliseconds between two events about it: what is refused is refused for each message. */
const TELL_EVERY_MS = 1_000;

/** What it works with. */
export interface PermissionsDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Log;
}

/** See the module's text. */
export class Permissions {
  /** Messages and subscriptions that the server has refused. */
  refused = 0;
  readonly #deps: PermissionsDeps;
  readonly #stop: () => void;
  readonly #seen: PermissionError[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: PermissionsDeps) {
    this.#deps = deps;
    this.#stop = deps.connection.onRefused?.((error) => this.#onRefused(error)) ?? (() => {});
  }

  /**
   * Looks whether a node of that name may hear what is sent to it, and may send to nodes.
   *
   * @param door the subjects of its door
   * @throws {PermissionError} that names the first subject it may not use
   */
  async check(cluster: string, name: string, door: readonly string[]): Promise<void> {
    const { connection } = this.#deps;
    if (connection.onRefused === undefined) return;
    const { transport } = connection;
    const names = subjects(cluster);
    this.#seen.length = 0;
    const needed = [names.nodeAll(name, "check"), ...door];
    const trials = needed.map((subject) => transport.subscribe(subject, () => {}, { queue: "check" }));
    transport.publish(names.probe(name, "check"), new Uint8Array());
    await transport.flush();
    await transport.flush(); // the first one's answer may be read before the refusals are told
    for (const trial of trials) trial.unsubscribe();
    const [refusal] = this.#seen;
    if (refusal === undefined) return;
    const { message } = refusal;
    throw new PermissionError(`Cannot join as node "${name}": ${message}`, { cause: refusal });
  }

  stop(): void {
    this.#stop();
  }

  #onRefused(error: PermissionError): void {
    const { clock, events, log } = this.#deps;
    this.refused++;
    if (this.#seen.length === 0) this.#seen.push(error);
    if (clock.now() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = clock.now();
    log.error("the server refuses a subject", { reason: error.message });
    events.emit({ type: "permission-denied", error: toErrorData(error) });
  }
}
