// What the benchmark may be told on its command line.
import { parseArgs } from "node:util";
import { listOf, positive, whole } from "./flags.ts";
import { RUNTIMES, type Runtime } from "../tests/support/processes/runtimes.ts";

/** The parts of the benchmark, in the order in which they run. */
export const SECTIONS = ["local", "remote", "leave", "join", "upgrade", "registry", "recovery"] as const;
export type Section = (typeof SECTIONS)[number];

/** A benchmark as it was asked for. */
export interface Options {
  readonly help: boolean;
  /** File for the results as JSON. */
  readonly json: string | undefined;
  /** Seconds of measuring for each figure, warm-up not counted. */
  readonly seconds: number;
  readonly rounds: number;
  /** `undefined`: those that are on this machine. */
  readonly runtimes: readonly Runtime[] | undefined;
  readonly only: readonly Section[];
  /** Actors that messages of the local and remote part go to. */
  readonly actors: number;
  /** Actors on the node that leaves, one leave for each number. */
  readonly leave: readonly number[];
  /** Actors on the two nodes that another one joins, one join for each number. */
  readonly join: readonly number[];
  /** Actors on the node that is upgraded in place, one upgrade for each number. */
  readonly upgrade: readonly number[];
  /** Actors that are listed, one time for each number. */
  readonly registry: readonly number[];
  /** Stored timers of the node that is killed. */
  readonly timers: number;
  /** Entries of others in the store of another one that is killed. */
  readonly entries: number;
}

export const HELP = `Usage: npm run bench -- [OPTIONS]

  --json FILE        write the results to FILE as well
  --seconds N        seconds of measuring for each figure, over all rounds (default 3)
  --rounds N         rounds; in each, both sides of a comparison have their turn (default 5)
  --runtimes NAMES   bun, deno, or both with a comma between (default: what is on this machine)
  --only PARTS       of local, remote, leave, join, upgrade, registry, recovery, with commas between (default: all)
  --actors N         actors that the messages of local and remote go to, in turn (default 16)
  --leave NUMBERS    actors on the node that leaves, one leave for each (default 1000,10000)
  --join NUMBERS     actors on the two nodes that another one joins, one join for each (default 10000)
  --upgrade NUMBERS  actors on the node that is upgraded in place, one upgrade for each (default 10000)
  --registry NUMBERS actors that are listed, one time for each (default 100000)
  --timers N         stored timers of the node that is killed in the recovery (default 20000)
  --entries N        entries of others in the store of the recovery's second part (default 300000)
  --help             show this

The nats-server is the one that NATS_SERVER names, or the one that the tests use.

Ends with status 0 unless a message was lost or doubled in a leave, a join or an upgrade, or something failed.
`;

const NUMBERS = { seconds: "3", rounds: "5", actors: "16", timers: "20000", entries: "300000" } as const;

/** @throws {Error} for what it does not understand */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      json: { type: "string" },
      seconds: { type: "string", default: NUMBERS.seconds },
      rounds: { type: "string", default: NUMBERS.rounds },
      runtimes: { type: "string" },
      only: { type: "string", default: SECTIONS.join(",") },
      actors: { type: "string", default: NUMBERS.actors },
      leave: { type: "string", default: "1000,10000" },
      join: { type: "string", default: "10000" },
      upgrade: { type: "string", default: "10000" },
      registry: { type: "string", default: "100000" },
      timers: { type: "string", default: NUMBERS.timers },
      entries: { type: "string", default: NUMBERS.entries },
    },
  });
  return {
    help: values.help,
    json: values.json,
    seconds: positive("seconds", values.seconds),
    rounds: whole("rounds", values.rounds),
    runtimes: values.runtimes === undefined ? undefined : listOf("runtimes", RUNTIMES, values.runtimes),
    only: listOf("only", SECTIONS, values.only),
    actors: whole("actors", values.actors),
    timers: whole("timers", values.timers),
    entries: whole("entries", values.entries),
    leave: values.leave.split(",").map((text) => whole("leave", text)),
    join: values.join.split(",").map((text) => whole("join", text)),
    upgrade: values.upgrade.split(",").map((text) => whole("upgrade", text)),
    registry: values.registry.split(",").map((text) => whole("registry", text)),
  };
}
