/**
 * Faults at the worst moment: chance decides whether, and when is decided by a record that was just written, or by a
 * question that is on its way.
 */
import type { Random } from "../../../platform/random.ts";
import type { Faults } from "./faults.ts";
import type { Lives } from "./lives.ts";
import type { AimedAt, TroubleName } from "./profiles.ts";
import type { Moment } from "./record_observer.ts";
import { pick } from "../workload/senders.ts";
import type { Troubles } from "./troubles.ts";

/** What may happen, to which end of the change, and how likely it is at each such moment. */
interface Shot {
  readonly share: number;
  readonly at: "from" | "to";
  /** Longest time after the moment, in milliseconds; 0 is before anybody has the answer. */
  readonly withinMs: number;
  readonly troubles: readonly TroubleName[];
}

/** Around a drain, a seal and a transfer. */
const AFTER_PREPARED_MS = 60;

const SHOTS: Readonly<Record<Exclude<Moment["what"], "died">, readonly Shot[]>> = {
  prepared: [
    { share: 0.02, at: "from", withinMs: AFTER_PREPARED_MS, troubles: ["crash", "freeze", "cut"] },
    { share: 0.02, at: "to", withinMs: AFTER_PREPARED_MS, troubles: ["crash", "freeze", "cut"] },
  ],
  committed: [
    { share: 0.02, at: "to", withinMs: 0, troubles: ["crash", "freeze", "cut", "records"] },
    { share: 0.01, at: "from", withinMs: 10, troubles: ["crash", "freeze", "cut"] },
  ],
  claimed: [{ share: 0.02, at: "to", withinMs: 0, troubles: ["crash", "freeze", "records"] }],
  renewed: [{ share: 0.01, at: "from", withinMs: 0, troubles: ["freeze-blind", "half", "crash"] }],
};
/** So many targets find that nobody knows, for a while, whether they have won. */
const DELAYED_SHARE = 0.04;
/** So many commits of stored actors are applied when their owner is dead, most of them after others have the shard. */
const LATE_COMMIT: Shot = { share: 0.06, at: "from", withinMs: 0, troubles: ["crash"] };
/** One node asks another whether a third answers it: that one loses its connection before it can, and does not notice. */
const DOUBTED_SHOT: Shot = { share: 1, at: "from", withinMs: 0, troubles: ["half"] };
/** Where a late actor is awaited, its new owner is the one to hit. */
const LATE_SHOT: Shot = { share: 0.3, at: "to", withinMs: 100, troubles: ["crash"] };

/** The record of a shard is removed at any step of its move. */
const FORGOTTEN_SHOT: Shot = {
  ...{ share: 0.15, at: "from", withinMs: AFTER_PREPARED_MS, troubles: ["lose-record"] },
};

/** See the module's text. */
export class Aim {
  readonly #troubles: Troubles;
  readonly #lives: Lives;
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #isOn: (at: AimedAt) => boolean;

  constructor(
    troubles: Troubles,
    lives: Lives,
    faults: Faults,
    random: Random,
    isOn: (at: AimedAt) => boolean,
  ) {
    this.#troubles = troubles;
    this.#lives = lives;
    this.#faults = faults;
    this.#random = random;
    faults.aimsAt = (client) => this.#aimsAt(client);
    faults.asksAbout = (client) => this.#isOn("questions") && this.#mayHit(DOUBTED_SHOT, client);
    this.#isOn = isOn;
  }

  /** A record was just written. */
  at(moment: Moment): void {
    if (moment.what === "prepared" && this.#isOn("moves")) this.#mayHit(FORGOTTEN_SHOT, moment.from);
    if (!this.#isOn("changes") || moment.what === "died") return;
    if (moment.what === "prepared" && this.#random.next() < DELAYED_SHARE)
      this.#faults.delay(moment.to, moment.key);
    const shots = moment.late > 0 ? [LATE_SHOT] : SHOTS[moment.what];
    for (const shot of shots) if (this.#mayHit(shot, moment[shot.at])) return;
  }

  #aimsAt(client: string): boolean {
    return this.#isOn("changes") && this.#mayHit(LATE_COMMIT, client);
  }

  #mayHit(shot: Shot, node: string): boolean {
    if (this.#random.next() >= shot.share) return false;
    this.#fire(shot, node);
    return true;
  }

  #fire({ withinMs, troubles }: Shot, node: string): void {
    const trouble = pick(troubles, this.#random);
    const life = this.#lives.named(node);
    const hit = () => {
      if (this.#faults.on && life !== undefined && this.#lives.up.includes(life))
        this.#troubles.hit(trouble, life);
    };
    this.#troubles.after(this.#random.next() * withinMs, hit);
  }
}
