import * as fs from "node:fs";
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { ask, defineActor } from "../../actors/contract.ts";
import { WEIGHT_MAX } from "../../cluster/records/schemas.ts";
import { VALUE_LIMITS } from "../../codec/value.ts";
import { TIMEOUT_MAX_MS } from "../../delivery/calls/checks.ts";
import { ConfigurationError } from "../../errors.ts";
import {
  DEFAULT_GROUPS,
  DEFAULT_SETTINGS,
  type SettingGroups,
  type Settings,
  settingsWith,
} from "../../node/settings.ts";
import { STORED_BYTES_MAX } from "../../storage/store.ts";

function read(path: string): string {
  return fs.readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** The rows of the table under a heading, without its head: the cells of each. */
function tableUnder(heading: string): string[][] {
  const [, section = ""] = read("docs/settings.md").split(`\n## ${heading}\n`);
  const [, ...lines] = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| "));
  return lines.map((line) => line.slice(2, -2).split(" | "));
}

/** What stands in backticks. */
function namesIn(cell: string | undefined): string[] {
  return [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

/** Every whole number of a text, with `64 MiB` as bytes. */
function numbersIn(text: string): number[] {
  const units: Readonly<Record<string, number>> = { KiB: 1_024, MiB: 1_048_576 };
  return [...text.matchAll(/(\d[\d,_]*)(?: (KiB|MiB))?/g)].map(([, digits = "", unit = ""]) => {
    return Number(digits.replace(/[,_]/g, "")) * (units[unit] ?? 1);
  });
}

const GROUPS = [
  "Actors",
  "Sending",
  "Receiving",
  "Lease",
  "Heartbeat",
  "Handoff",
  "Records and store",
] as const;

const ROWS = GROUPS.flatMap(tableUnder).map(([name, value = "", unit = "", least = ""]) => ({
  name: namesIn(name)[0] as keyof Settings,
  value: numbersIn(value)[0],
  unit,
  least: numbersIn(least)[0] ?? Number.NaN,
}));

describe("docs/settings.md on settings of a node", () => {
  test("tells every one with its default, once, and no other", () => {
    expect(Object.fromEntries(ROWS.map(({ name, value }) => [name, value]))).toEqual({ ...DEFAULT_SETTINGS });
    expect(ROWS.length).toBe(Object.keys(DEFAULT_SETTINGS).length);
  });

  test("tells the least value that is taken", () => {
    for (const { name, least } of ROWS) {
      expect(settingsWith({ [name]: least })[name]).toBe(least);
      expect(() => settingsWith({ [name]: least - 1 })).toThrow(ConfigurationError);
    }
  });

  test("tells the group of each, and every group", () => {
    const told = new Set<string>();
    for (const heading of GROUPS) {
      const [, section = ""] = read("docs/settings.md").split(`\n## ${heading}\n`);
      const group = /Group `(\w+)`/.exec(section)?.[1] as keyof SettingGroups;
      told.add(group);
      for (const [name] of tableUnder(heading))
        expect([group, Object.keys(DEFAULT_GROUPS[group])]).toEqual([
          group,
          expect.arrayContaining([namesIn(name)[0] as string]),
        ]);
    }
    expect([...told].sort()).toEqual(Object.keys(DEFAULT_GROUPS).sort());
  });

  test("tells the unit that the name says", () => {
    for (const { name, unit } of ROWS) {
      if (name.endsWith("Ms")) expect([name, unit]).toEqual([name, "ms"]);
      else if (/Bytes(Max)?$/.test(name)) expect([name, unit]).toEqual([name, "bytes"]);
      else expect(["ms", "bytes", ""]).not.toContain(unit);
    }
  });

  test("tells the longest call", () => {
    expect(read("docs/settings.md")).toContain(`at most ${TIMEOUT_MAX_MS.toLocaleString("en-US")} |`);
  });
});

/** Each option of an interface, with the numbers that its docstring calls its default. */
function optionsOf(file: string, name: string): Map<string, number[]> {
  const [, start = ""] = read(file).split(new RegExp(`interface ${name}\\b[^{]*\\{\\n`));
  const body = start.split("\n}")[0] ?? "";
  const options = [...body.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ {2}readonly (\w+)\??:/gm)];
  return new Map(
    options.map(([, doc = "", option = ""]) => {
      const [, said = ""] = /Default:? ((?:\[)?[\d][\d,_]*(?: (?:KiB|MiB)| and [\d,]+)?)/.exec(doc) ?? [];
      return [option, numbersIn(said)];
    }),
  );
}

/** Options that no user sets. */
const INTERNAL: ReadonlySet<string> = new Set(["defects", "confirm"]);
/** For tests; told where a whole table belongs to its options. */
const OF_TESTS: ReadonlySet<string> = new Set(["clock", "random"]);

const OPTIONS: readonly (readonly [heading: string, file: string, type: string])[] = [
  ["Contract", "actors/contract.ts", "ContractOptions"],
  ["Node", "node/api.ts", "NodeOptions"],
  ["NATS", "transport/nats/connection.ts", "NatsOptions"],
  ["Door", "door/options.ts", "DoorOptions"],
  ["Subscriptions", "actors/subscription/declared.ts", "StreamSubscription"],
  ["HTTP", "http/options.ts", "ActorRoutesOptions"],
  ["Supervisor", "supervisor/options.ts", "SupervisorOptions"],
];

const OPTIONS_OF: readonly (readonly [heading: string, of: string, file: string, type: string])[] = [
  ["Calls", "a call", "actors/ref.ts", "CallOptions"],
  ["Calls", "`retry`", "node/calls/retry.ts", "RetryOptions"],
  ["Calls", "`askAll`", "node/calls/ask_all.ts", "AskAllOptions"],
  ["Files and buckets for stored actors", "`sqliteStore`", "storage/sqlite/store.ts", "SqliteStoreOptions"],
  [
    "Files and buckets for stored actors",
    "`recordsStore`",
    "storage/records/store.ts",
    "RecordsStoreOptions",
  ],
];

describe("docs/settings.md on options", () => {
  for (const [heading, file, type] of OPTIONS)
    test(`tells every one of ${type}, and no other`, () => {
      const options = optionsOf(file, type);
      const rows = tableUnder(heading);
      const told = rows.flatMap(([names]) => namesIn(names)).sort();
      expect(told).toEqual([...options.keys()].filter((name) => !INTERNAL.has(name)).sort());
      for (const [names, value = ""] of rows) {
        for (const name of namesIn(names)) {
          const numbers = options.get(name) ?? [];
          if (numbers.length > 0) expect([name, numbersIn(value)]).toEqual([name, numbers]);
        }
      }
    });

  for (const [heading, of, file, type] of OPTIONS_OF)
    test(`tells every one of ${of} (${type}), and no other`, () => {
      const options = optionsOf(file, type);
      const rows = tableUnder(heading).filter(([names = ""]) => names.includes(of));
      const told = rows.map(([names]) => namesIn(names)[0] ?? "").sort();
      const all = [...options.keys()].filter((name) => !INTERNAL.has(name) && !OF_TESTS.has(name));
      expect(told).toEqual(all.sort());
      for (const [names = "", value = ""] of rows) {
        const [name = ""] = namesIn(names);
        const numbers = options.get(name) ?? [];
        if (numbers.length > 0) expect([name, numbersIn(value)]).toEqual([name, numbers]);
      }
    });

  test("tells the defaults that a contract gets", () => {
    const contract = defineActor("plain", {
      state: z.strictObject({}),
      stateVersion: 1,
      messages: { run: ask(z.undefined()) },
    });
    const words = (value: unknown) =>
      typeof value === "number" ? value.toLocaleString("en-US") : JSON.stringify(value);
    for (const [names, value = ""] of tableUnder("Contract")) {
      const [name = ""] = namesIn(names);
      if (value === "none") continue;
      expect([name, value.replaceAll("`", "")]).toEqual([
        name,
        words(contract[name as keyof typeof contract]),
      ]);
    }
  });

  test("tells the largest weight", () => {
    const [, , allowed] = tableUnder("Node").find(([name]) => name === "`weight`") ?? [];
    expect(numbersIn(allowed ?? "")).toEqual([0, WEIGHT_MAX]);
  });
});

/** A number of the source that is nobody else's business. */
function constant(file: string, name: string): number {
  const [, digits = ""] = new RegExp(`^(?:export )?const ${name} = ([\\d_]+);`, "m").exec(read(file)) ?? [];
  if (digits === "") throw new Error(`Cannot find ${name} in ${file}`);
  return Number(digits.replaceAll("_", ""));
}

/** The first row whose label has these words: the numbers of its value. */
function limit(words: string): number[] {
  const row = tableUnder("Fixed limits").find(([label = ""]) => label.includes(words));
  if (row === undefined) throw new Error(`Cannot find the limit "${words}"`);
  return numbersIn(row[1] ?? "");
}

describe("docs/settings.md on fixed limits", () => {
  test("tells those of the code", () => {
    expect(limit("bytes of a name")).toEqual([1, constant("transport/subjects.ts", "NAME_MAX_BYTES")]);
    expect(limit("shards of a kind")).toEqual([constant("cluster/records/schemas.ts", "SHARDS_MAX")]);
    expect(limit("timers of an actor")).toEqual([constant("actors/state/timers.ts", "TIMERS_MAX")]);
    expect(limit("chain of asks")).toEqual([constant("delivery/wire/frame.ts", "CHAIN_MAX")]);
    expect(limit("late actors")).toEqual([
      constant("cluster/records/schemas.ts", "LATE_MAX"),
      constant("handoff/move/seal.ts", "LATE_BYTES_MAX"),
    ]);
    expect(limit("depth of a value")).toEqual([VALUE_LIMITS.depthMax]);
    expect(limit("values and keys")).toEqual([VALUE_LIMITS.itemsMax]);
    expect(limit("bigint")).toEqual([constant("codec/scan.ts", "BIGNUM_BYTES_MAX")]);
    const room = constant("codec/weight.ts", "MESSAGE_ROOM_BYTES");
    expect(limit("argument or result")).toEqual([room, 1_048_576 - room]);
    expect(limit("stored state")).toEqual([STORED_BYTES_MAX]);
    expect(limit("events that wait")).toEqual([constant("events.ts", "BUFFER_MAX")]);
    expect(limit("answers and tells of one stored actor")).toEqual([
      constant("actors/durable/output_gate.ts", "OUTPUTS_MAX"),
    ]);
    expect(limit("same wish")).toEqual([
      constant("platform/process/shutdown_wish.ts", "SAME_WISH_MS") / 1_000,
    ]);
  });

  test("tells the oldest servers", () => {
    const versions = read("transport/nats/server_versions.ts");
    const told = tableUnder("Fixed limits").filter(([label = ""]) => label.startsWith("oldest nats-server"));
    expect(told.length).toBe(2);
    for (const [, version = ""] of told) expect(versions).toContain(`= "${version}"`);
  });
});
