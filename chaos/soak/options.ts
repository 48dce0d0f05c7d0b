// What a soak may be told on its command line.
import { parseArgs } from "node:util";
import { RUNTIMES, type Runtime } from "../../tests/support/processes/runtimes.ts";

export interface SoakOptions {
  readonly help: boolean;
  readonly json: boolean;
  readonly minutes: number;
  readonly seed: number;
  readonly runtimes: readonly Runtime[];
  readonly rate: number;
  readonly leaseMs: number;
}

const DEFAULTS = { minutes: "5", seed: "1", rate: "100", lease: "15" } as const;

export const SOAK_HELP = `Usage: npm run soak -- [OPTIONS]

Holds a load on four nodes and a client for minutes, while three of the nodes are replaced or killed again and again.
Then the load stops, and heap, handles, subscriptions, links, records and streams must be back at the level they had
before. One node and the client live through all of it.

  --minutes M        how long the load is held (default ${DEFAULTS.minutes})
  --seed N           of the load and of who is replaced (default ${DEFAULTS.seed})
  --runtimes NAMES   bun, deno, or both with a comma between (default: both)
  --rate N           calls a second, of all processes together (default ${DEFAULTS.rate})
  --lease SECONDS    lease of a node (default ${DEFAULTS.lease})
  --json             print nothing but the last line
  --help             show this

The last line is a JSON object. Ends with status 0 only if it says "ok": true.
`;

/** @throws {Error} for what it does not understand */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const text = (value: string) => ({ type: "string", default: value }) as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ help: flag, json: flag, runtimes: text(RUNTIMES.join(",")) },
      ...{ minutes: text(DEFAULTS.minutes), seed: text(DEFAULTS.seed) },
      ...{ rate: text(DEFAULTS.rate), lease: text(DEFAULTS.lease) },
    },
  });
  return {
    help: values.help,
    json: values.json,
    minutes: positive("minutes", values.minutes),
    seed: positive("seed", values.seed),
    runtimes: runtimesIn(values.runtimes),
    rate: positive("rate", values.rate),
    leaseMs: positive("lease", values.lease) * 1_000,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity))
    throw new Error(`Cannot use --${name} "${text}": give a number above 0`);
  return value;
}

function runtimesIn(text: string): Runtime[] {
  const wanted = text.split(",");
  const stranger = wanted.find((each) => !RUNTIMES.includes(each as Runtime));
  if (stranger !== undefined)
    throw new Error(`Cannot use --runtimes "${stranger}": give some of ${RUNTIMES.join(", ")}`);
  return RUNTIMES.filter((each) => wanted.includes(each));
}
