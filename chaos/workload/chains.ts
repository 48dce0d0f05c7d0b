// Finds out which of the told effects were real: those that are part of a state that somebody has seen.
//
// A node that was frozen may wake up and go on with a handler. What it then does to its own copy of the state is no
// effect: nobody ever hears of it. So a told effect counts only if a reply, or what an actor says of itself at the end,
// has a fold that contains it. Each effect names the fold before it, and so they make chains.
import type { Fold } from "../../testing/history.ts";
import { after, type Effect } from "./page.ts";
import type { Recording } from "../verdict/recording.ts";

/** One beginning of an actor from nothing, with the effects that are certain, in their order. */
export interface Birth {
  readonly id: string;
  readonly effects: Effect[];
  /** The highest fold that anybody has seen. */
  readonly last: Fold;
}

export interface Chains {
  /** Births of each actor, oldest first. */
  readonly births: ReadonlyMap<string, readonly Birth[]>;
  /** Two histories of one actor that exclude each other. */
  readonly forks: readonly string[];
}

/** A state that somebody has seen. */
interface Point {
  readonly actor: string;
  readonly birth: string;
  readonly fold: Fold;
  readonly epoch: number;
  readonly who: string;
}

export function chainsOf(recording: Recording): Chains {
  const links = linksOf(recording);
  const births = new Map<string, Birth[]>();
  const forks: string[] = [];
  for (const [, points] of grouped(pointsOf(recording), ({ actor, birth }) => `${actor} ${birth}`)) {
    const [first] = points;
    if (first === undefined) continue;
    const known = births.get(first.actor) ?? [];
    births.set(first.actor, known);
    known.push(follow(points, links, forks));
  }
  for (const all of births.values()) all.sort((a, b) => beginning(a) - beginning(b));
  return { births, forks };
}

/** Follows the chain from each seen state back, the highest first. */
function follow(points: Point[], links: ReadonlyMap<string, Effect>, forks: string[]): Birth {
  points.sort((a, b) => b.fold.count - a.fold.count);
  const digests = new Map<number, Fold>();
  const effects: Effect[] = [];
  for (const { actor, birth, fold, epoch, who } of points) {
    let at = fold;
    while (at.count > 0) {
      const known = digests.get(at.count);
      if (known !== undefined) {
        if (known.digest !== at.digest)
          forks.push(
            `${actor}: what ${who} saw under epoch ${epoch} as its state of ${fold.count} messages is no part of a later state; they differ at ${at.count}`,
          );
        break;
      }
      digests.set(at.count, at);
      const effect = links.get(linkKey(actor, birth, at));
      if (effect === undefined) break; // its line was lost with its process
      effects.push(effect);
      at = effect.before;
    }
  }
  effects.sort((a, b) => a.before.count - b.before.count);
  return { id: points[0]?.birth ?? "", effects, last: points[0]?.fold ?? { count: 0, digest: 0 } };
}

function pointsOf({ seen, told }: Recording): Point[] {
  const points = seen.map(({ effect, observer }) => {
    return {
      actor: effect.actor,
      birth: effect.birth,
      fold: after(effect),
      epoch: effect.epoch,
      who: observer,
    };
  });
  for (const { actor, birth, count, digest, epoch } of told)
    points.push({ actor, birth, fold: { count, digest }, epoch, who: "the last question" });
  return points;
}

function linksOf({ effects, seen }: Recording): Map<string, Effect> {
  const links = new Map<string, Effect>();
  for (const effect of [...effects, ...seen.map((each) => each.effect)])
    links.set(linkKey(effect.actor, effect.birth, after(effect)), effect);
  return links;
}

function linkKey(actor: string, birth: string, { count, digest }: Fold): string {
  return `${actor} ${birth} ${count} ${digest}`;
}

function beginning({ effects }: Birth): number {
  return effects[0]?.epoch ?? Number.POSITIVE_INFINITY;
}

export function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
