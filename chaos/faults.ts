// Does to a cluster what the schedule says, and takes it back.
import type { ChaosCluster, Seat } from "./cluster/cluster.ts";
import type { Fault, NodeFault, ServerFault } from "./schedule.ts";
import type { Servers } from "./cluster/servers.ts";

export interface FaultsOptions {
  readonly cluster: ChaosCluster;
  readonly servers: Servers;
  /** The bucket whose leader is lost with `leader-loss`. */
  readonly bucket: string;
  readonly say: (text: string) => void;
}

export class Faults {
  /** How many there have been, by type. */
  readonly counts: Record<string, number> = {};
  readonly #options: FaultsOptions;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** Lets all of them happen at their times. Resolves when the last is over; stops early at the signal. */
  async run(faults: readonly Fault[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      faults.map(async (fault) => {
        await pause(fault.atMs, signal);
        if (signal.aborted) return;
        this.#options.say(describe(fault));
        if (await this.#do(fault, signal)) this.counts[fault.type] = (this.counts[fault.type] ?? 0) + 1;
      }),
    );
  }

  /** @returns whether it could be done */
  async #do(fault: Fault, signal: AbortSignal): Promise<boolean> {
    if (fault.on === "server") return await this.#onServer(fault, signal);
    const seat = this.#options.cluster.seats[fault.seat];
    if (seat === undefined || !seat.member.isUp) return false; // it is only just starting
    return await this.#onNode(seat, fault, signal);
  }

  async #onNode(seat: Seat, fault: NodeFault, signal: AbortSignal): Promise<boolean> {
    const { cluster } = this.#options;
    const { record, proxy } = seat;
    const lasting = () => pause(fault.durationMs, signal);
    switch (fault.type) {
      case "kill":
        if (seat.changing) cluster.kill(seat);
        else await this.#change(seat, () => this.#kill(seat, fault, lasting));
        return true;
      case "replace":
        if (seat.changing) return false;
        await this.#change(seat, () => this.#replace(seat, fault));
        return true;
      case "freeze": {
        const thaw = cluster.freeze(seat);
        await lasting();
        thaw();
        return true;
      }
      case "cut":
      case "blackhole":
      case "delay":
        record.disturbed = true;
        if (fault.type === "delay") proxy.delay(fault.delayMs);
        else proxy[fault.type]();
        await lasting();
        proxy.mend();
        return true;
    }
  }

  /** One at a time for a seat; whoever is killed in the middle of it has a successor too. */
  async #change(seat: Seat, work: () => Promise<void>): Promise<void> {
    seat.changing = true;
    await work();
    seat.changing = false;
    const { member, record } = seat;
    if (record.killedAt !== undefined) await member.ended;
    if (record.killedAt !== undefined && seat.member === member) this.#options.cluster.seatAnew(seat, true);
  }

  async #kill(seat: Seat, { sameName }: NodeFault, lasting: () => Promise<void>): Promise<void> {
    const { member } = seat;
    this.#options.cluster.kill(seat);
    await member.ended;
    await lasting();
    this.#options.cluster.seatAnew(seat, sameName);
  }

  /** As a rolling deploy does it; under a new name the follower may come first. */
  async #replace(seat: Seat, { sameName }: NodeFault): Promise<void> {
    const { cluster } = this.#options;
    const { member, record } = seat;
    if (!sameName) {
      cluster.seatAnew(seat, false);
      await seat.member.up;
    }
    await cluster.leave(member, record);
    if (sameName) cluster.seatAnew(seat, true);
  }

  async #onServer({ type, server, durationMs }: ServerFault, signal: AbortSignal): Promise<boolean> {
    const { servers, cluster } = this.#options;
    for (const { record } of cluster.seats) record.disturbed = true;
    const lasting = () => pause(durationMs, signal);
    switch (type) {
      case "server-restart":
      case "server-kill":
      case "server-loss":
        return await this.#lose([server], type !== "server-restart", lasting);
      case "leader-loss": {
        const leader = await servers.leaderOf(this.#options.bucket);
        return leader !== undefined && (await this.#lose([leader], true, lasting));
      }
      case "quorum-loss":
        return await this.#lose([server, (server + 1) % servers.count], true, lasting);
      case "server-freeze":
        servers.freeze(server);
        await lasting();
        servers.thaw(server);
        return true;
      case "jetstream-away":
        servers.loseJetStream(server);
        await lasting();
        await servers.giveJetStreamBack(server);
        return true;
    }
  }

  async #lose(indexes: readonly number[], kill: boolean, lasting: () => Promise<void>): Promise<true> {
    const { servers } = this.#options;
    for (const index of indexes) servers.down(index, { kill });
    await lasting();
    await Promise.all(indexes.map((index) => servers.revive(index)));
    return true;
  }
}

function describe(fault: Fault): string {
  const { type, durationMs } = fault;
  const lasting = durationMs > 0 ? ` for ${(durationMs / 1_000).toFixed(1)} s` : "";
  if (fault.on === "server") return `${type} of server ${fault.server}${lasting}`;
  const follows =
    type === "kill" || type === "replace" ? `, then ${fault.sameName ? "the same" : "a new"} name` : "";
  return `${type} of seat ${fault.seat}${lasting}${follows}`;
}

/** Until the time is over or the signal comes. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
