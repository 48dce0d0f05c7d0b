// The cluster of a run: seats, each with a proxy in front of the servers and the process that has the seat now, and a
// client of its own. What ends without having been ended is noted, and started again as a supervisor would.
import type { Ending } from "../../tests/support/processes/child.ts";
import type { Runtime } from "../../tests/support/processes/runtimes.ts";
import { until } from "../../tests/support/conditions.ts";
import { TcpProxy } from "../../tests/support/nats/tcp_proxy.ts";
import type { Durability } from "../workload/contract.ts";
import type { Command, Line } from "./lines.ts";
import { MemberProcess } from "./member_process.ts";
import type { RecordedMember, Recording } from "../verdict/recording.ts";
import type { Servers } from "./servers.ts";

export interface ClusterOptions {
  readonly name: string;
  readonly seed: number;
  readonly seats: number;
  readonly servers: Servers;
  readonly executables: ReadonlyMap<Runtime, string>;
  readonly durabilities: readonly Durability[];
  readonly settings: Readonly<Record<string, number>>;
  /** Of the members; default the one of this project. */
  readonly program?: string | undefined;
  /** Calls a second of all processes together. */
  readonly rate: number;
  readonly recording: Recording;
  readonly logs: string;
  readonly say: (text: string) => void;
}

/** A place in the cluster. */
export interface Seat {
  readonly index: number;
  readonly proxy: TcpProxy;
  readonly hosts: boolean;
  name: string;
  member: MemberProcess;
  record: RecordedMember;
  /** Somebody is putting another process into it, and will see to that whatever happens meanwhile. */
  changing: boolean;
}

const START_TIMEOUT_MS = 60_000;
const AGAIN_MS = 400;
/** A process that was told to go, and could not do so in this time, is ended. */
const GO_MS = 40_000;
/** Exit statuses that say what they mean. */
const COULD_NOT_START = 3;
const STOPPED = 4;
/** The client makes this share of all calls. */
const CLIENT_SHARE = 0.3;

export class ChaosCluster {
  readonly seats: Seat[] = [];
  readonly #options: ClusterOptions;
  readonly #runtimes: readonly Runtime[];
  readonly #listeners = new Set<(line: Line, member: MemberProcess) => void>();
  readonly #all = new Set<MemberProcess>();
  #launched = 0;
  #closing = false;
  /** Starts that did not succeed: the records were away, or the name was still in use. */
  failedStarts = 0;
  restarts = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#runtimes = [...options.executables.keys()];
  }

  /** The seat that only calls; nothing is done to it. */
  get client(): Seat {
    return this.seats[this.#options.seats] as Seat;
  }

  get nodes(): readonly Seat[] {
    return this.seats.slice(0, this.#options.seats);
  }

  async start(): Promise<void> {
    for (let index = 0; index <= this.#options.seats; index++) {
      const hosts = index < this.#options.seats;
      const { ports } = this.#options.servers;
      const turned = [...ports.slice(index % ports.length), ...ports.slice(0, index % ports.length)];
      const proxy = await TcpProxy.start(...turned);
      const name = hosts ? `n${index}` : "client";
      this.seats.push({
        index,
        proxy,
        hosts,
        name,
        changing: false,
        ...this.#launch(index, name, hosts, proxy),
      });
    }
    const allUp = () => this.seats.every(({ member }) => member.isUp);
    await until("every process to be up", allUp, { timeoutMs: START_TIMEOUT_MS });
  }

  /** Calls back with each line of each process. @returns what ends it */
  onLine(listener: (line: Line, member: MemberProcess) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells every process. */
  command(command: Command): void {
    for (const { member } of this.seats) member.command(command);
  }

  /** kill -9, and after a while a process in its place. */
  kill(seat: Seat): void {
    seat.record.killedAt ??= this.#options.recording.now();
    seat.record.disturbed = true;
    seat.member.signal("SIGKILL");
  }

  freeze(seat: Seat): () => void {
    const { member, record } = seat;
    const now = this.#options.recording.now;
    const frozen = { from: now(), to: Number.POSITIVE_INFINITY };
    record.frozen.push(frozen);
    record.disturbed = true;
    member.signal("SIGSTOP");
    return () => {
      member.signal("SIGCONT");
      frozen.to = now();
    };
  }

  /** Puts a new process into the seat, under the same name or a new one. */
  seatAnew(seat: Seat, sameName: boolean): void {
    if (this.#closing) return;
    if (!sameName) seat.name = `${seat.name.split("-")[0]}-${this.#launched}`;
    Object.assign(seat, this.#launch(seat.index, seat.name, seat.hosts, seat.proxy));
  }

  /** SIGTERM. Resolves when it has gone; what is too slow is ended. */
  async leave(member: MemberProcess, record: RecordedMember): Promise<void> {
    if (!member.isUp) record.killedAt ??= this.#options.recording.now(); // it has no handler for the signal yet
    member.signal("SIGTERM");
    const timer = setTimeout(() => {
      this.#options.say(`${member.id} did not leave within ${GO_MS} ms`);
      record.killedAt ??= this.#options.recording.now();
      member.signal("SIGKILL");
    }, GO_MS);
    await member.ended;
    clearTimeout(timer);
  }

  /** Ends everything that was ever started. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const member of this.#all) {
      const record = this.#options.recording.members.get(member.id);
      if (record !== undefined) record.killedAt ??= this.#options.recording.now();
      member.signal("SIGKILL");
    }
    await Promise.all([...this.#all].map(({ ended }) => ended));
    await Promise.all(this.seats.map(({ proxy }) => proxy.end()));
  }

  #launch(index: number, name: string, hosts: boolean, proxy: TcpProxy): Pick<Seat, "member" | "record"> {
    const { name: cluster, seed, servers, executables, rate, seats, logs, recording } = this.#options;
    const { durabilities, settings, program } = this.#options;
    const runtime = this.#runtimes[(index + this.#launched) % this.#runtimes.length] as Runtime;
    const id = `${name}_${++this.#launched}`;
    const own = hosts ? (rate * (1 - CLIENT_SHARE)) / seats : rate * CLIENT_SHARE;
    const member = new MemberProcess({
      ...{ runtime, executable: executables.get(runtime) ?? runtime, port: proxy.port, logs, program },
      settings: {
        ...{ id, name, cluster, servers: `nats://127.0.0.1:${proxy.port}`, hosts, transfers: !hosts },
        ...{ replicas: servers.count, seed: seed * 131 + this.#launched, rate: own },
        ...{ durabilities, settings },
      },
      onLine: (line, from) => this.#hear(line, from),
    });
    const record = recording.member(id, hosts);
    this.#all.add(member);
    void member.ended.then((ending) => this.#ended(member, record, ending));
    return { member, record };
  }

  #hear(line: Line, member: MemberProcess): void {
    this.#options.recording.hear(member.id, line);
    for (const listener of this.#listeners) listener(line, member);
  }

  #ended(member: MemberProcess, record: RecordedMember, ending: Ending): void {
    this.#all.delete(member);
    record.endedAt = this.#options.recording.now();
    const seat = this.seats.find((each) => each.member === member);
    const expected = this.#closing || record.killedAt !== undefined || ending.status === 0;
    if (expected) return;
    this.#note(member, ending);
    if (seat === undefined) return;
    this.restarts++;
    setTimeout(() => this.seatAnew(seat, true), AGAIN_MS);
  }

  #note(member: MemberProcess, { status, signal }: Ending): void {
    const { recording, say } = this.#options;
    if (status === COULD_NOT_START) this.failedStarts++;
    else if (status !== STOPPED) {
      recording.crashes.push(
        `${member.id} (${member.runtime}) ended with ${signal ?? `status ${status}`}: ${member.said}`,
      );
    }
    say(`${member.id} ended with ${signal ?? `status ${status}`}; starting it again. ${member.said.trim()}`);
  }
}
