/**
 * Looks whether a stream records the door's subjects. It would take over the answers: its acknowledgement comes first.
 *
 * @module
 */
import type { EventBus } from "../events.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Connection, Recorder } from "../transport/transport.ts";

/** What it works with. */
export interface RecordedDoorDeps {
  readonly connection: Pick<Connection, "recordersOf">;
  /** All subjects of the door. */
  readonly subjects: readonly string[];
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Log;
}

/** Milliseconds from one look to the next; doubled as long as nobody says, for each question may be a line in the server's log. */
const LOOK_MS = 30_000;
const LOOK_MAX_MS = 3_600_000;

/** See the module's text. It looks at once, and then now and again. */
export class RecordedDoor {
  readonly #deps: RecordedDoorDeps;
  /** Streams that have been told of, as long as they are there. */
  #told: ReadonlySet<string> = new Set();
  #pauseMs = LOOK_MS;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: RecordedDoorDeps) {
    this.#deps = deps;
    if (deps.connection.recordersOf) void this.#look(deps.connection.recordersOf);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(recordersOf: NonNullable<Connection["recordersOf"]>): Promise<void> {
    const { subjects: door, clock, events, log } = this.#deps;
    const found = await foundFor(door, recordersOf);
    if (this.#stopped) return;
    const told = new Set(this.#told);
    for (const { stream, subjects } of found ?? []) {
      if (told.has(stream)) continue;
      told.add(stream);
      const cure = 'set "no_ack" on the stream, or let it record other subjects';
      log.error("A stream records the door's subjects, and answers its callers: set no_ack on it", {
        stream,
        subjects,
        door,
      });
      events.emit({ type: "door-recorded", stream, subjects, cure });
    }
    if (found) this.#told = new Set(found.map(({ stream }) => stream));
    this.#pauseMs = found ? LOOK_MS : Math.min(2 * this.#pauseMs, LOOK_MAX_MS);
    this.#timer = clock.after(this.#pauseMs, () => void this.#look(recordersOf));
  }
}

/** The streams that record something of any of these subjects; `undefined` if nobody says of one. */
async function foundFor(
  subjects: readonly string[],
  recordersOf: NonNullable<Connection["recordersOf"]>,
): Promise<Recorder[] | undefined> {
  const found: Recorder[] = [];
  for (const subject of subjects) {
    const recorders = await recordersOf(subject);
    if (recorders === undefined) return undefined;
    found.push(...recorders);
  }
  return found;
}
