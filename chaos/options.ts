// What a run may be told on its command line.
import { parseArgs } from "node:util";
import { listOf, unusable } from "../bench/flags.ts";
import { RUNTIMES, type Runtime } from "../tests/support/processes/runtimes.ts";
import { type Durability, DURABILITIES } from "./workload/contract.ts";
import { NODE_FAULTS, SERVER_FAULTS } from "./schedule.ts";

export interface Options {
  readonly help: boolean;
  readonly json: boolean;
  readonly minutes: number;
  readonly seed: number;
  readonly servers: 1 | 3;
  readonly runtimes: readonly Runtime[];
  readonly nodes: number;
  /** Calls a second. */
  readonly rate: number;
  readonly leaseMs: number;
  readonly durabilities: readonly Durability[];
  /** Only these faults, if given. */
  readonly only: readonly string[] | undefined;
  /** A rule of the protocol that nodes break on purpose, to see whether it is found. */
  readonly defect: string | undefined;
}

const DEFAULTS = { minutes: "1", seed: "1", servers: "1", nodes: "4", rate: "120", lease: "15" } as const;

export const HELP = `Usage: npm run chaos -- [OPTIONS]

Runs nodes on Bun and Deno over nats-servers of their own, under load, while a schedule of faults made from the seed
kills, freezes, replaces and cuts off nodes and servers. Then it asks every actor, and judges all that was recorded.

  --minutes M          rounds of faults, after each of which all must answer, until so long has passed (default ${DEFAULTS.minutes})
  --seed N             of the schedule and the load; the same seed gives the same faults, not the same timing (default ${DEFAULTS.seed})
  --servers 1|3        one nats-server, or three with three copies of everything (default ${DEFAULTS.servers})
  --runtimes NAMES     bun, deno, or both with a comma between (default: both)
  --nodes N            nodes, 2 to 8; one more process only calls (default ${DEFAULTS.nodes})
  --rate N             calls a second, of all processes together (default ${DEFAULTS.rate})
  --lease SECONDS      lease of a node, 4 to 60 (default ${DEFAULTS.lease})
  --durability NAMES   of ${DURABILITIES.join(", ")}: what keeps the actors' states (default: all of these)
  --only FAULTS        of ${[...NODE_FAULTS, ...SERVER_FAULTS].join(", ")}
  --defect NAME        break a rule of the protocol on purpose (see npm run simulate -- --help); it should fail then
  --json               print nothing but the last line
  --help               show this

The last line is a JSON object. Ends with status 0 only if it says "ok": true. Logs of a run that failed are kept.
`;

/** @throws {Error} for what it does not understand */
export function parseOptions(args: readonly string[]): Options {
  const text = (value: string) => ({ type: "string", default: value }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ help: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
      ...{ minutes: text(DEFAULTS.minutes), seed: text(DEFAULTS.seed), servers: text(DEFAULTS.servers) },
      ...{ nodes: text(DEFAULTS.nodes), rate: text(DEFAULTS.rate), lease: text(DEFAULTS.lease) },
      ...{ runtimes: text(RUNTIMES.join(",")), durability: text(DURABILITIES.join(",")) },
      ...{ only: { type: "string" }, defect: { type: "string" } },
    },
  });
  const servers = number("servers", values.servers, 1, 3);
  if (servers !== 1 && servers !== 3) throw unusable("servers", values.servers, "1 or 3");
  const known = [...NODE_FAULTS, ...SERVER_FAULTS];
  return {
    help: values.help,
    json: values.json,
    minutes: number("minutes", values.minutes, 0.1, 1_440),
    seed: number("seed", values.seed, 0, 2 ** 31),
    servers,
    runtimes: listOf("runtimes", RUNTIMES, values.runtimes),
    nodes: number("nodes", values.nodes, 2, 8),
    rate: number("rate", values.rate, 1, 10_000),
    leaseMs: number("lease", values.lease, 4, 60) * 1_000,
    durabilities: listOf("durability", DURABILITIES, values.durability),
    defect: values.defect,
    only: values.only === undefined ? undefined : listOf<string>("only", known, values.only),
  };
}

/** The times of a lease, in the proportions of the defaults. */
export function leaseSettings(leaseMs: number): Readonly<Record<string, number>> {
  return { leaseMs, renewMs: leaseMs / 10, renewTimeoutMs: leaseMs / 15, safeMs: leaseMs * 0.8 };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  const whole = name === "minutes" || name === "lease" || Number.isInteger(value);
  if (!(whole && value >= min && value <= max)) throw unusable(name, text, `${min} to ${max}`);
  return value;
}
