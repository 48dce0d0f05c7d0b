/** What is done to nodes from outside: they are killed, frozen, cut off, and lose their records. */
import type { Random } from "../../../platform/random.ts";
import type { SimulatedCluster } from "../../../testing/cluster.ts";
import type { Disturbance, History } from "../../../testing/history.ts";
import { type Faults, isWrite } from "./faults.ts";
import type { Life, Lives } from "./lives.ts";
import type { LostRecords } from "./lost_records.ts";
import type { Poison } from "../workload/poison.ts";
import type { TroubleName } from "./profiles.ts";
import { pick } from "../workload/senders.ts";

export interface TroublesOptions {
  readonly cluster: SimulatedCluster;
  readonly faults: Faults;
  readonly history: History;
  readonly lives: Lives;
  readonly random: Random;
  readonly leaseMs: number;
  readonly records: () => LostRecords;
  readonly poison: () => Poison<Life>;
}

/** So long after its beginning a join is disturbed at most: by then it has been given its first shards. */
const JOIN_MS = 400;

/** So long it is alone before one joins, more or less: until the others have left. */
const VISIT_MS = 1_500;
/** So soon after it was told to leave a node's record says so, and it has not moved its shards yet. */
const LEAVING_MS = 25;
/** A witness leaves so soon, at most: a grace and the time that a suspicion takes. */
const WITNESS_MS = 1_800;
/** A trouble of a node is felt for so long after its end, in milliseconds. */
const WELL_AFTER_MS = 2_000;
/** The wall clock is set forward or back by half of it at most, in milliseconds. */
const STEP_MS = 12_000;

/** See the module's text. What lasts is ended by its time, or by `endAll`. */
export class Troubles {
  readonly #options: TroublesOptions;
  readonly #ends = new Set<() => void>();
  readonly #reaching = new Map<string, readonly Life[]>();
  #over = false;
  /** How often each sort came. */
  readonly counts: Record<string, number> = {};

  constructor(options: TroublesOptions) {
    this.#options = options;
  }

  /** Begins something with one of the nodes that are up. */
  begin(name: TroubleName): void {
    const { lives, random } = this.#options;
    const { up } = lives;
    if (up.length === 0) return;
    this.hit(name, pick(up, random));
  }

  /** Does it to that one. */
  hit(name: TroubleName, life: Life): void {
    const { random, lives } = this.#options;
    const { up } = lives;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    switch (name) {
      case "crash":
        return this.#crash(life);
      case "freeze":
      case "suspend":
        return this.#freeze(life, name === "suspend");
      case "cut":
        return this.#cut(life);
      case "partition":
        return this.#partition(life, up);
      case "mute":
        return this.#partition(life, up, random.next() < 0.5 ? "from" : "to");
      case "crash-join":
      case "cut-join":
        return this.#spoilJoin(name);
      case "half":
        return this.#halve(life);
      case "hide":
        return this.#hide(life, up);
      case "visit":
        return this.#visit(life, up);
      case "last-witness":
        return this.#loseWitness(life, up);
      case "cut-blind":
        return this.#cut(life, true);
      case "freeze-blind":
        return this.#freeze(life, false, true);
      case "records":
        return this.#loseRecords(life.process, life.name);
      case "store":
        return this.#loseRecords("*");
      case "full":
      case "full-stored":
      case "full-parked":
        return this.#fill(name);
      case "denied":
        return this.#deny(life);
      case "hush":
        return this.#hush(life);
      case "twin":
        return this.#startTwin(life);
      case "step":
        return this.#stepWall(life);
      case "wipe":
        return this.#wipe();
      case "lose-record":
        this.#note("records", "*")();
        return this.#options.records().loseOne();
      case "restore":
        return this.#restore(up);
      case "poison":
        return this.#options.poison().make();
      case "place":
        return this.#place(life, up);
      case "upgrade":
        return lives.upgrade(life, random.next() < 0.4);
    }
  }

  /** Runs something in a while; never inside of what is being done. */
  after(ms: number, run: () => void): void {
    this.#options.cluster.clock.after(ms, run);
  }

  /** Everything that lasts ends now. */
  endAll(): void {
    this.#over = true;
    for (const end of [...this.#ends]) end();
  }

  #crash(life: Life): void {
    const { lives, random, leaseMs } = this.#options;
    const back = this.#note("crash", life.name); // who never comes back may be found dead at any time
    lives.kill(life);
    const chance = random.next();
    if (chance < 0.3) return;
    const afterMs = chance < 0.65 ? random.next() * 100 : random.next() * 2 * leaseMs;
    const comesBack = random.next() < 0.75;
    this.#later(afterMs, () => {
      if (comesBack) back();
      if (comesBack) lives.start(life.name, life.process);
      else lives.start(lives.freeName());
    });
  }

  #freeze({ name, process, clock }: Life, suspended: boolean, blind = false): void {
    if (!clock?.isRunning) return;
    clock.freeze(suspended);
    this.#during(this.#note("freeze", name), () => {
      if (blind && !this.#over) this.#loseRecords(process, name);
      clock.wake();
    });
  }

  /** A mistake, or somebody who takes the process for hung, and may be right. */
  #startTwin(life: Life): void {
    const { lives, random } = this.#options;
    const chance = random.next();
    if (chance < 0.4) this.#freeze(life, false);
    else if (chance < 0.6) this.#cut(life);
    lives.startTwin(life);
  }

  /** What becomes of it is no matter: the node may go, or the shard move elsewhere, while it is done. */
  #place({ node, name }: Life, up: readonly Life[]): void {
    const { random, history } = this.#options;
    if (!node) return;
    const ignored = (work: Promise<unknown>) => void work.catch(() => undefined);
    const chance = random.next();
    const said = chance < 0.35 ? "cordon" : chance < 0.65 ? "drain" : "move";
    history.note(`${said} of ${name}`);
    if (said === "move") {
      const shards = node.inspect().shards;
      if (shards.length === 0) return;
      const shard = shards[Math.floor(random.next() * shards.length)] as (typeof shards)[number];
      const until = random.next() < 0.5 ? {} : { until: this.#options.cluster.clock.wall() + 4_000 };
      return ignored(
        node.move(shard, pick(up, random).name, { reason: "by chance", timeoutMs: 3_000, ...until }),
      );
    }
    ignored(said === "cordon" ? node.cordon() : node.drain({ deadlineMs: 2_000 }));
    this.#during(
      () => {},
      () => ignored(node.uncordon()),
    );
  }

  /** By some seconds, forward or back; not while the machine sleeps, or nothing on it could tell how long it slept. */
  #stepWall({ name, clock }: Life): void {
    if (!clock?.isRunning) return;
    this.#note("clock", name)();
    clock.stepWall((this.#options.random.next() - 0.5) * STEP_MS);
  }

  #cut({ name, process }: Life, blind = false): void {
    const { cluster } = this.#options;
    cluster.cut(process);
    this.#during(this.#note("cut", name), () => {
      if (blind && !this.#over) this.#loseRecords(process, name);
      cluster.heal(process);
    });
  }

  /** The server drops it, and it does not notice. */
  #halve({ name, process }: Life): void {
    const { cluster } = this.#options;
    cluster.network.halve(process);
    this.#during(this.#note("cut", name), () => cluster.heal(process));
  }

  /** Some are refused by NATS when they write to one whom the others reach. */
  #hide(life: Life, up: readonly Life[]): void {
    const { random } = this.#options;
    const others = up.filter((each) => each !== life);
    const some = others.filter(() => random.next() < 0.5).map(({ process }) => process);
    const reaching = this.#stillReaching(life, others).filter((each) => !some.includes(each.process));
    // else its renewals show that it lives
    this.#hideFrom(some, life, reaching, random.next() < 0.5);
  }

  /** From whom it was hidden before it still is. */
  #stillReaching(life: Life, some: readonly Life[]): Life[] {
    const before = this.#reaching.get(life.name);
    return some.filter((each) => before === undefined || before.includes(each));
  }

  /** All others leave, and a while later somebody comes. */
  #visit(life: Life, up: readonly Life[]): void {
    const { lives, random } = this.#options;
    for (const each of up) if (each !== life) lives.leave(each);
    this.#later(VISIT_MS * (0.5 + random.next()), () => {
      if (this.#over || !life.sending) return;
      const visitor = lives.freeName();
      this.#hideFrom([visitor], life, []);
      lives.start(visitor);
    });
  }

  /**
   * While the grace runs that those who do not find a node give it. That node is leaving too: it could take over nothing
   * without the records, and the witness would wait for that.
   */
  #loseWitness(life: Life, up: readonly Life[]): void {
    const { cluster, lives, random } = this.#options;
    const witness = up.find((each) => each !== life);
    const rest = [...cluster.nodes.keys()].filter(
      (each) => each !== life.process && each !== witness?.process,
    );
    if (witness === undefined || rest.length === 0) return lives.start(lives.freeName()); // for another time
    lives.leave(life);
    this.#later(LEAVING_MS, () => {
      if (this.#over) return;
      cluster.network.partition(rest, [life.process]); // or what it asks them would be heard, and told when it is asked about
      this.#hideFrom(rest, life, this.#stillReaching(life, [witness]));
      this.#later(random.next() * WITNESS_MS, () => {
        if (!this.#over) lives.leave(witness);
      });
    });
  }

  /** Blind: without the records, in which its renewals would show that it lives. */
  #hideFrom(some: readonly string[], life: Life, reaching: readonly Life[], isBlind = true): void {
    this.#options.cluster.network.hide(some, [life.process]);
    this.#reaching.set(life.name, reaching);
    if (isBlind) this.#loseRecords(life.process, life.name);
    this.#during(this.#note("partition", life.name), () => {
      this.#reaching.delete(life.name);
      this.#options.cluster.network.mend();
    });
  }

  /** Whether one who is hidden from some is well, and reached by others who are: one whose gate is closed answers for nobody. */
  isReached(name: string): boolean {
    const now = this.#options.cluster.clock.now();
    const isWell = (node: string) =>
      !this.#options.history.disturbances.some(
        (each) =>
          each.node === node &&
          !["records", "partition"].includes(each.what) &&
          each.to + WELL_AFTER_MS >= now,
      );
    const reaching = this.#reaching.get(name) ?? [];
    const answers = (life: Life) => life.sending && isWell(life.name) && life.node?.inspect().gateOpen;
    return isWell(name) && reaching.some(answers);
  }

  /** One begins to join, and something happens to it before it has, or just after that. */
  #spoilJoin(how: "crash-join" | "cut-join"): void {
    const { lives, random } = this.#options;
    const name = lives.freeName();
    lives.start(name);
    this.after(random.next() * JOIN_MS, () => {
      const life = lives.named(name);
      if (this.#over || !life?.alive) return;
      if (how === "crash-join") this.#crash(life);
      else this.#cut(life);
    });
  }

  /** One from the others, or some from some, in messages only: both ways, or one way only. */
  #partition(life: Life, up: readonly Life[], way: "both" | "from" | "to" = "both"): void {
    const { cluster, random } = this.#options;
    const some = up.filter((each) => each === life || random.next() < 0.3);
    const others = up.filter((each) => !some.includes(each));
    const [here, there] = [some.map(processOf), others.map(processOf)];
    if (way === "both") cluster.network.partition(here, there);
    else if (way === "from") cluster.network.mute(here, there);
    else cluster.network.mute(there, here);
    const notes = some.map(({ name }) => this.#note("partition", name));
    this.#during(
      () => notes.forEach((end) => void end()),
      () => cluster.network.mend(),
    );
  }

  /** One store, or all: leases cannot be renewed then either. */
  #fill(what: "full" | "full-stored" | "full-parked"): void {
    const { faults } = this.#options;
    const suffix = what.slice("full".length);
    const heals = faults.refuse((_, operation, bucket) => isWrite(operation) && bucket.endsWith(suffix));
    this.#during(what === "full" ? this.#note("records", "*") : () => {}, heals);
  }

  #deny({ process }: Life): void {
    const { faults } = this.#options;
    const isMeant = (client: string, bucket: string) => client === process && bucket.endsWith("-stored");
    const heals = faults.refuse((client, _, bucket) => isMeant(client, bucket));
    this.#during(() => {}, heals);
  }

  /** What the store had applied before is still answered; all else of it goes on. */
  #hush({ name, process }: Life): void {
    const { cluster, faults } = this.#options;
    const heard = faults.hush(process);
    let isOver = false;
    this.after(faults.slowAnswerMs, () => !isOver && cluster.network.loseRecords(process));
    this.#during(this.#note("records", name), () => {
      isOver = true;
      heard();
      cluster.network.returnRecords(process);
    });
  }

  /** Every node finds that out when it renews its lease, or when its lease is over. */
  #wipe(): void {
    const { random, leaseMs, records } = this.#options;
    records().wipe(random.next() < 0.5);
    this.after(2 * leaseMs, this.#note("records", "*"));
  }

  /** As after a wipe. The servers may have been started anew for it, and then everybody connects again. */
  #restore(up: readonly Life[]): void {
    const { cluster, random, leaseMs, records } = this.#options;
    if (!records().restore()) return;
    this.after(2 * leaseMs, this.#note("records", "*"));
    if (random.next() < 0.5) return;
    for (const { process, name } of up) {
      const back = this.#options.history.blinked(name);
      cluster.cut(process);
      this.after(20 + random.next() * 200, () => {
        cluster.heal(process);
        back();
      });
    }
  }

  /** For one it may cost the lease; for all, `*`, it must not. */
  #loseRecords(process: string, name = process): void {
    const { network } = this.#options.cluster;
    network.loseRecords(process);
    this.#during(this.#note("records", name), () => network.returnRecords(process));
  }

  #note(what: Disturbance["what"], node: string): () => void {
    return this.#options.history.disturbed(what, node);
  }

  /** Shorter than the lease, or longer. */
  #during(note: () => void, end: () => void): void {
    const { random, leaseMs } = this.#options;
    const lasts = random.next() < 0.5 ? 0.05 + random.next() * 0.6 : 1 + random.next() * 1.2;
    this.#later(lasts * leaseMs, () => {
      note();
      end();
    });
  }

  /** After that time, or when all troubles end. */
  #later(ms: number, run: () => void): void {
    const once = () => {
      timer.cancel();
      if (this.#ends.delete(once)) run();
    };
    const timer = this.#options.cluster.clock.after(ms, once);
    this.#ends.add(once);
  }
}

function processOf({ process }: Life): string {
  return process;
}
