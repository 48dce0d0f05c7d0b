/**
 * Which nodes may be given shards of a kind, which only keep what they have, and which have to give away what they have. Pure, and
 * every node with the same records says the same.
 *
 * @module
 */
import type { HostedKind, NodeId, NodeRecord, PlacementRule } from "../records/schemas.ts";
import { compareAppVersions } from "./app_version.ts";
import type { Candidate } from "./placement.ts";

/** Whether a node could serve the kind at all: it reads the states that are there, and keeps them where they are. */
export type CanServe = (hosted: HostedKind) => boolean;

/** Who may have shards of a kind. */
export interface Suitable {
  readonly candidates: readonly Candidate[];
  /** Cordoned, or of an older version of the application: they get nothing more, and keep what they have. */
  readonly keepers: readonly NodeId[];
  /** While versions are mixed only what has no place is given one, so that nothing moves twice. */
  readonly isFrozen: boolean;
  /** Labels that are required, where nodes host the kind and none of them has these; `undefined` otherwise. */
  readonly lacking: PlacementRule["require"] | undefined;
}

/**
 * Sorts the nodes that are up and host a kind.
 *
 * The rule is that of the newest version of the application, so a change of it holds as soon as one node has it; of different rules
 * of one version it is the one that comes last as text.
 */
export function suitable(kind: string, hosts: readonly NodeRecord[], canServe: CanServe): Suitable {
  const able = hosts.filter(
    (record) => record.weight > 0 && record.cordon !== "draining" && canServe(of(kind, record)),
  );
  const rule = ruleOf(kind, able);
  const fitting = able.filter((record) => hasAll(record, rule.require));
  const isOpen = ({ cordon }: NodeRecord) => cordon === undefined;
  const newest = newestOf(fitting.filter(isOpen));
  const isOlder = ({ version }: NodeRecord) => compareAppVersions(version, newest) < 0;
  const open = fitting.filter((record) => isOpen(record) && !isOlder(record));
  return {
    candidates: preferred(open, rule.prefer).map((record) => candidate(record, rule)),
    keepers: fitting.filter((record) => !isOpen(record) || isOlder(record)).map(idOf),
    isFrozen: fitting.some(isOlder),
    lacking: able.length > 0 && fitting.length === 0 ? rule.require : undefined,
  };
}

function of(kind: string, { kinds }: NodeRecord): HostedKind {
  return kinds.find((hosted) => hosted.kind === kind) as HostedKind;
}

function ruleOf(kind: string, able: readonly NodeRecord[]): PlacementRule {
  const newest = newestOf(able);
  const rules = able
    .filter(({ version }) => compareAppVersions(version, newest) === 0)
    .map((record) => of(kind, record).placement ?? {});
  return rules.toSorted((a, b) => (textOf(a) < textOf(b) ? 1 : -1))[0] ?? {};
}

/** Two that say the same have the same text, in whatever order they say it. But of what is preferred the order counts. */
function textOf({ require = {}, prefer = {}, spread = "" }: PlacementRule): string {
  return JSON.stringify([Object.entries(require).sort(), Object.entries(prefer), spread]);
}

function newestOf(records: readonly NodeRecord[]): string | undefined {
  let newest: string | undefined;
  for (const { version } of records) if (compareAppVersions(version, newest) > 0) newest = version;
  return newest;
}

function hasAll({ labels = {} }: NodeRecord, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([label, value]) => labels[label] === value);
}

/** Those that have all that is preferred; if nobody has, all but the last of it, and so on. */
function preferred(
  records: readonly NodeRecord[],
  prefer: PlacementRule["prefer"] = {},
): readonly NodeRecord[] {
  const wanted = Object.entries(prefer);
  for (let count = wanted.length; count > 0; count--) {
    const some = Object.fromEntries(wanted.slice(0, count));
    const fitting = records.filter((record) => hasAll(record, some));
    if (fitting.length > 0) return fitting;
  }
  return records;
}

function candidate(record: NodeRecord, { spread }: PlacementRule): Candidate {
  const { weight, labels = {} } = record;
  return { id: idOf(record), weight, zone: spread === undefined ? "" : (labels[spread] ?? "") };
}

function idOf({ node, incarnation }: NodeRecord): NodeId {
  return { node, incarnation };
}
