// Compares what all actors say with the plain count, and with what every sender sent.
import type { ActorNode } from "../../mod.ts";
import { type Activity, Author, File, noActivity } from "./contract.ts";
import type { Total, Totals } from "./expected.ts";
import { handled } from "./order.ts";

/** What was found. */
export interface Findings {
  actors: number;
  /** Messages that were sent and never handled. */
  lost: number;
  duplicated: number;
  reordered: number;
  /** Actors whose totals are not those of the plain count. */
  disagreeing: number;
  /** Actors that new code has taken over in place, once. */
  upgraded: number;
  /** Those whose state says that this happened more than once, or that it has not yet the new form. */
  misshapen: number;
  /** The first disagreements and violations in words. */
  readonly examples: string[];
}

/** An actor's own report, or nothing if it could not be asked. */
export interface Reported {
  readonly kind: "file" | "author";
  readonly name: string;
  readonly activity: Activity | undefined;
}

const EXAMPLES_MAX = 10;
const COUNTS = ["changes", "added", "deleted", "binaries"] as const;

/** Asks every actor for its report, with a bounded number under way. */
export async function reportsOf(
  nodes: readonly ActorNode[],
  totals: Totals,
  options: { inFlightMax: number; timeoutMs: number; onFailure: (error: unknown) => void },
): Promise<readonly Reported[]> {
  const wanted = [
    ...[...totals.file.keys()].map((name) => ({ kind: "file", name }) as const),
    ...[...totals.author.keys()].map((name) => ({ kind: "author", name }) as const),
  ];
  const reports: Reported[] = [];
  let next = 0;
  const work = async (node: ActorNode) => {
    for (let at = next++; at < wanted.length; at = next++) {
      const { kind, name } = wanted[at] ?? { kind: "file", name: "" };
      const ref = kind === "file" ? node.ref(File, name) : node.ref(Author, name);
      const activity = await ref
        .report(undefined, { timeoutMs: options.timeoutMs })
        .catch((error: unknown) => {
          options.onFailure(error);
          return undefined;
        });
      reports[at] = { kind, name, activity };
    }
  };
  const workers = nodes.flatMap((node) => Array.from({ length: options.inFlightMax }, () => work(node)));
  await Promise.all(workers);
  return reports;
}

/** What is wrong, if anything. An actor without a report counts as one that handled nothing. */
export function verify(
  reports: readonly Reported[],
  totals: Totals,
  sent: ReadonlyMap<string, ReadonlyMap<string, number>>,
): Findings {
  const findings: Findings = {
    actors: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    disagreeing: 0,
    upgraded: 0,
    misshapen: 0,
    examples: [],
  };
  for (const { kind, name, activity } of reports) {
    findings.actors++;
    const found = activity ?? noActivity();
    checkTotals(findings, `${kind} "${name}"`, found, totals[kind].get(name));
    checkUpgrade(findings, `${kind} "${name}"`, found);
    checkOrder(findings, `${kind} "${name}"`, found, sent.get(`${kind} ${name}`) ?? new Map());
  }
  return findings;
}

function checkTotals(findings: Findings, actor: string, found: Activity, expected: Total | undefined): void {
  const wrong = COUNTS.filter((count) => found[count] !== expected?.[count]);
  if (wrong.length === 0) return;
  findings.disagreeing++;
  const words = wrong.map((count) => `${count} ${found[count]} instead of ${expected?.[count]}`);
  note(findings, `${actor}: ${words.join(", ")}`);
}

/** Who was there before the upgrade counts one, who came later none. */
function checkUpgrade(findings: Findings, actor: string, { upgrades }: Activity): void {
  if (upgrades === 1) findings.upgraded++;
  if (upgrades === 0 || upgrades === 1) return;
  findings.misshapen++;
  note(findings, `${actor}: upgraded ${upgrades ?? "an unknown number of"} times`);
}

function checkOrder(
  findings: Findings,
  actor: string,
  found: Activity,
  sent: ReadonlyMap<string, number>,
): void {
  for (const [sender, count] of sent) {
    const received = found.received[sender];
    findings.lost += Math.max(0, count - (received === undefined ? 0 : handled(received)));
    findings.duplicated += received?.duplicated ?? 0;
    findings.reordered += received?.reordered ?? 0;
  }
  for (const violation of found.violations) note(findings, `${actor}: ${violation}`);
}

function note(findings: Findings, text: string): void {
  if (findings.examples.length < EXAMPLES_MAX) findings.examples.push(text);
}
