import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Activity, noActivity } from "../../examples/git_activity/contract.ts";
import { countPlainly } from "../../examples/git_activity/expected.ts";
import type { FileChange } from "../../examples/git_activity/git_log.ts";
import { MoveJournal } from "../../examples/git_activity/cluster/moves.ts";
import { parseOptions, UsageError } from "../../examples/git_activity/options.ts";
import { handled, note, nothingReceived } from "../../examples/git_activity/order.ts";
import { percentile } from "../../examples/git_activity/statistics.ts";
import { noProgress, streamHistory } from "../../examples/git_activity/stream.ts";
import { type Reported, verify } from "../../examples/git_activity/verify.ts";
import { type ActorNode, type NodeEvent, UnavailableError } from "../../mod.ts";

const MAIN = fileURLToPath(new URL("../../examples/git_activity/main.ts", import.meta.url));
const RUN_TIMEOUT_MS = 60_000;

function change(file: string, author: string, added: number): FileChange {
  return { file, author, added, deleted: 1, binary: false };
}

const HISTORY = [change("a.ts", "Ann", 5), change("b.ts", "Bo", 2), change("a.ts", "Bo", 1)];

describe("note()", () => {
  const after = (sequences: readonly number[]) => {
    const received = nothingReceived();
    for (const sequence of sequences) note(received, sequence);
    return { ...received, handled: handled(received) };
  };

  test("finds nothing wrong in an order without gaps", () => {
    expect(after([1, 2, 3])).toMatchObject({ missing: [], duplicated: 0, reordered: 0, handled: 3 });
  });

  test("tells lost, duplicated and reordered apart", () => {
    expect(after([1, 2, 4])).toMatchObject({ missing: [3], duplicated: 0, reordered: 0, handled: 3 });
    expect(after([1, 2, 2, 1])).toMatchObject({ missing: [], duplicated: 2, reordered: 0, handled: 2 });
    expect(after([2, 1, 3])).toMatchObject({ missing: [], duplicated: 0, reordered: 1, handled: 3 });
    expect(after([2, 1, 1])).toMatchObject({ missing: [], duplicated: 1, reordered: 1, handled: 2 });
  });

  test("stays small when an actor begins afresh in the middle", () => {
    const received = after([50_000]);
    expect(received.missing).toHaveLength(1_000);
    expect(received.handled).toBe(1);
  });
});

describe("countPlainly()", () => {
  test("counts a part of a round, and several rounds", () => {
    expect(countPlainly(HISTORY, 2).file.get("a.ts")).toEqual({
      changes: 1,
      added: 5,
      deleted: 1,
      binaries: 0,
    });
    const { file, author } = countPlainly(HISTORY, 7);
    expect(file.get("a.ts")).toEqual({ changes: 5, added: 17, deleted: 5, binaries: 0 });
    expect(author.get("Bo")).toEqual({ changes: 4, added: 6, deleted: 4, binaries: 0 });
  });
});

describe("verify()", () => {
  const totals = countPlainly([change("a.ts", "Ann", 5)], 2);
  const sent = new Map([
    ["file a.ts", new Map([["s", 2]])],
    ["author Ann", new Map([["s", 2]])],
  ]);
  const right: Activity = {
    ...{ changes: 2, added: 10, deleted: 2, binaries: 0, violations: [], upgrades: 1 },
    received: { s: { ...nothingReceived(), last: 2 } },
  };
  const reports = (file: Activity | undefined): readonly Reported[] => [
    { kind: "file", name: "a.ts", activity: file },
    { kind: "author", name: "Ann", activity: right },
  ];

  test("finds nothing wrong where nothing is", () => {
    const findings = verify(reports(right), totals, sent);
    expect(findings).toEqual({
      actors: 2,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      disagreeing: 0,
      upgraded: 2,
      misshapen: 0,
      examples: [],
    });
  });

  test("finds states that were upgraded twice, or not at all", () => {
    const [twice, never] = [
      { ...right, upgrades: 2 },
      { ...right, upgrades: undefined },
    ];
    for (const wrong of [twice, never]) {
      expect(verify(reports(wrong), totals, sent)).toMatchObject({
        upgraded: 1,
        misshapen: 1,
        disagreeing: 0,
      });
    }
    expect(verify(reports({ ...right, upgrades: 0 }), totals, sent)).toMatchObject({
      upgraded: 1,
      misshapen: 0,
    });
  });

  test("finds totals that differ, and messages that were lost, doubled and reordered", () => {
    expect(verify(reports({ ...right, added: 9 }), totals, sent)).toMatchObject({ disagreeing: 1, lost: 0 });
    expect(verify(reports(noActivity()), totals, sent)).toMatchObject({ disagreeing: 1, lost: 2 });
    expect(verify(reports(undefined), totals, sent)).toMatchObject({ disagreeing: 1, lost: 2 });
    const odd = { s: { last: 2, missing: [1], skipped: 0, duplicated: 3, reordered: 4 } };
    const found = verify(reports({ ...right, received: odd, violations: ["s: odd"] }), totals, sent);
    expect(found).toMatchObject({ lost: 1, duplicated: 3, reordered: 4, examples: ['file "a.ts": s: odd'] });
  });
});

describe("streamHistory()", () => {
  const callsOf = () => new Map<string, number[]>();

  function sender(name: string, calls: Map<string, number[]>, fail = false): ActorNode {
    const ref = ({ kind }: { kind: string }, actor: string) => ({
      changed: async ({ sender: from, sequence }: { sender: string; sequence: number }) => {
        const key = `${kind} ${actor} ${from}`;
        calls.set(key, [...(calls.get(key) ?? []), sequence]);
        await Promise.resolve();
        if (fail) throw new UnavailableError("Cannot count it: nobody is there");
      },
    });
    return { name, ref } as unknown as ActorNode;
  }

  const limits = { rate: 1e9, inFlightMax: 2, timeoutMs: 1_000, signal: new AbortController().signal };

  test("sends the history once, numbered for each sender and actor", async () => {
    const calls = callsOf();
    const progress = noProgress();
    const senders = [sender("s1", calls), sender("s2", calls)];
    await streamHistory({ senders, history: HISTORY, ...limits, goOn: () => false }, progress);
    expect(progress).toMatchObject({ changes: 3, messagesEnded: 6 });
    expect(progress.askMs).toHaveLength(3);
    let seen = 0;
    for (const sequences of calls.values()) {
      expect(sequences).toEqual(sequences.map((_, index) => index + 1));
      seen += sequences.length;
    }
    expect(seen).toBe(6);
  });

  test("replays it until told to stop, and counts what failed", async () => {
    const progress = noProgress();
    const senders = [sender("s", callsOf(), true)];
    await streamHistory(
      { senders, history: HISTORY, ...limits, goOn: () => progress.changes < 10 },
      progress,
    );
    expect(progress).toMatchObject({ changes: 10, messagesEnded: 20 });
    expect([...progress.failures]).toEqual([["unavailable", 20]]);
    expect(progress.sent.get("file a.ts")?.get("s")).toBe(7);
  });
});

describe("MoveJournal", () => {
  test("sums moves up, weighs pauses by actors, and notes what should not happen", () => {
    const journal = new MoveJournal();
    const move = { type: "shard-moved", from: "b", to: "d", lateActors: 0 };
    journal.note("b", { ...move, actors: 99, pauseMs: 1 } as unknown as NodeEvent);
    journal.note("b", { ...move, actors: 0, pauseMs: 500 } as unknown as NodeEvent);
    journal.note("d", { ...move, from: "d", to: "b", actors: 1, pauseMs: 70 } as unknown as NodeEvent);
    journal.note("d", { type: "node-lost", at: 0, node: "b", incarnation: "1" });
    const runtimes = new Map([
      ["b", "bun"],
      ["d", "deno"],
    ] as const);
    expect(journal.summary(runtimes)).toEqual({
      ...{
        moves: 3,
        movedActors: 100,
        lateActors: 0,
        bunToDeno: 2,
        denoToBun: 1,
        pauseP50Ms: 1,
        pauseP99Ms: 1,
      },
    });
    expect([...journal.incidents]).toEqual([["node-lost", 1]]);
  });

  test("sums upgrades in place up, of all nodes and of one", () => {
    const journal = new MoveJournal();
    const upgraded = { type: "shard-upgraded", lateActors: 1 };
    journal.note("b", { ...upgraded, actors: 99, pauseMs: 1 } as unknown as NodeEvent);
    journal.note("d", { ...upgraded, actors: 1, pauseMs: 70 } as unknown as NodeEvent);
    const all = { shards: 2, actors: 100, lateActors: 2, pauseP50Ms: 1, pauseP99Ms: 1 };
    expect(journal.upgradeSummary()).toEqual(all);
    expect(journal.upgradeSummary("d")).toMatchObject({ shards: 1, actors: 1, pauseP99Ms: 70 });
  });
});

describe("percentile()", () => {
  test("takes each value as often as it weighs", () => {
    expect(percentile([], 0.5)).toBe(0);
    expect(percentile([[7, 1]], 0.99)).toBe(7);
    expect(
      percentile(
        [
          [1, 98],
          [50, 2],
        ],
        0.99,
      ),
    ).toBe(50);
    expect(
      percentile(
        [
          [50, 0],
          [1, 1],
        ],
        1,
      ),
    ).toBe(1);
  });
});

describe("parseOptions()", () => {
  const defaults = { input: ".", transport: "memory" } as const;

  test("fills in what is not given", () => {
    const options = { input: ".", transport: "memory", nodes: 3, events: 20_000, json: false, help: false };
    expect(parseOptions([], defaults)).toEqual(options as ReturnType<typeof parseOptions>);
    expect(parseOptions(["--input", "-", "--nodes=2", "--json"], defaults)).toMatchObject({
      input: "-",
      nodes: 2,
      json: true,
    });
  });

  test("refuses what it does not know, and numbers out of range", () => {
    const wrong = [
      ["--node", "3"],
      ["--nodes", "0"],
      ["--nodes", "17"],
      ["--nodes", "two"],
      ["--events", "20001"],
    ];
    for (const args of [...wrong, ["--transport", "carrier-pigeon"], ["extra"], ["--nodes"]]) {
      expect(() => parseOptions(args, defaults)).toThrow(UsageError);
    }
  });
});

describe("main", () => {
  /** Runs the program on a log that is piped in; gives its exit status and its last line. */
  async function demo(
    log: string,
    ...args: string[]
  ): Promise<{ status: number | null; last: Record<string, unknown>; said: string }> {
    const run = process.versions.deno === undefined ? ["run"] : ["run", "--allow-all", "--quiet"];
    const child = spawn(process.execPath, [...run, MAIN, "--input", "-", ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_TIMEOUT_MS);
    let [printed, said] = ["", ""];
    child.stdout.on("data", (data) => {
      printed += String(data);
    });
    child.stderr.on("data", (data) => {
      said += String(data);
    });
    child.stdin.on("error", () => {});
    child.stdin.end(log);
    const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
    clearTimeout(timer);
    const last = printed.trimEnd().split("\n").at(-1) ?? "";
    expect([last.slice(0, 1), said]).toEqual(["{", expect.any(String)]);
    return { status, last: JSON.parse(last), said };
  }

  const author = "commit 1111111\nAuthor: Ann <ann@example.org>\n\n    words\n\n";

  test(
    "replaces all nodes on memory without a fault, also for a history of one commit",
    async () => {
      const { status, last, said } = await demo(
        `${author}1\t2\ta.ts\n-\t-\tb.png\n`,
        "--transport",
        "memory",
        "--nodes",
        "2",
      );
      const faults = { lost: 0, duplicated: 0, reordered: 0, failed_calls: 0, totals_agree: true };
      expect({ said, ...last }).toMatchObject({ ok: true, transport: "memory", actors: 3, ...faults });
      expect(last.moves).toBeGreaterThan(0);
      expect(last.upgraded_shards).toBeGreaterThan(0);
      expect(last).toMatchObject({ upgraded_actors: 3, upgraded_once: true });
      expect(last.events).toBeGreaterThan(2);
      expect(status).toBe(0);
    },
    RUN_TIMEOUT_MS,
  );

  test("says what is wrong with an empty log and with a flag, by status 2", async () => {
    const empty = await demo("", "--transport", "memory");
    expect(empty).toMatchObject({ status: 2, last: { ok: false } });
    expect(empty.said).toContain("Cannot count the changes of standard input: its log has none");
    const flag = await demo("", "--nodes", "many");
    expect(flag).toMatchObject({ status: 2, last: { ok: false } });
    expect(flag.said).toContain("--nodes");
  });
});
