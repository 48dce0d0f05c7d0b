// A run of a link's two ends as data, and what must be true of it, whatever happened.
import fc from "fast-check";
import { PairedWorld, type Sent } from "./world.ts";

/** One thing that happens. */
export type Step =
  | { readonly do: "send"; readonly type: "ask" | "tell"; readonly idempotent: boolean }
  | { readonly do: "frame"; readonly index: number; readonly fate: "arrives" | "lost" | "doubled" }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "handle" }
  | { readonly do: "room"; readonly isFull: boolean }
  | { readonly do: "look"; readonly who: "sender" | "others" }
  | { readonly do: "move"; readonly toSender: boolean }
  | { readonly do: "crash" };

const FATES = ["arrives", "arrives", "arrives", "lost"] as const;

const stepWith = (fates: readonly ("arrives" | "lost" | "doubled")[]): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("send" as const),
        type: fc.constantFrom("ask" as const, "tell" as const),
        idempotent: fc.boolean(),
      }),
    },
    {
      weight: 16,
      arbitrary: fc.record({
        do: fc.constant("frame" as const),
        index: fc.nat(9),
        fate: fc.constantFrom(...fates),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(1, 6, 30, 120) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "advance" as const, ms: 1_500 }) },
    { weight: 5, arbitrary: fc.constant({ do: "handle" as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("room" as const), isFull: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("look" as const),
        who: fc.constantFrom("sender" as const, "others" as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("move" as const), toSender: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ do: "crash" as const }) },
  );

const LENGTH = { minLength: 20, maxLength: 150 };

/** Runs of some length; in half of them some frames come twice. */
export const runs: fc.Arbitrary<readonly Step[]> = fc.oneof(
  fc.array(stepWith(FATES), LENGTH),
  fc.array(stepWith([...FATES, "doubled"]), LENGTH),
);

function take(world: PairedWorld, step: Step): void {
  switch (step.do) {
    case "send":
      return world.send(step.type, step.idempotent);
    case "frame":
      return world.frame(step.index, step.fate);
    case "advance":
      return world.advance(step.ms);
    case "handle":
      return world.handle();
    case "room":
      return world.room(step.isFull);
    case "look":
      return world.look(step.who);
    case "move":
      return world.move(step.toSender);
    case "crash":
      return world.crash();
  }
}

/** Runs it to its end. @returns what was promised and is not true */
export async function play(steps: readonly Step[]): Promise<readonly string[]> {
  const world = new PairedWorld();
  for (const step of steps) take(world, step);
  await world.rest();
  const isDoubled = steps.some((step) => step.do === "frame" && step.fate === "doubled");
  return [...world.violations, ...judged(world, isDoubled)];
}

/** A call that was sent no longer than this before the faults ended has time enough for what they left behind. */
const FRESH_MS = 200;

/**
 * A frame that comes twice may be admitted, and be answered by "not here" when it comes again after a move: its sender takes
 * both for one copy, and believes the latter. Within one life the table of links sees to it that this does no harm. After a loss
 * it may. No transport doubles what is published, and the port says so; so what holds over several lives is asked of other runs.
 */
function judged({ sent, journal, losses, restedAt }: PairedWorld, isDoubled: boolean): string[] {
  const isSure = !isDoubled || losses === 0;
  const wrong: string[] = [];
  const { admitted, handled } = journal;
  const times = (id: number) => admitted.filter((one) => one.id === id);
  for (const { id, type, idempotent, at, end, answer } of sent) {
    const lives = times(id).map(({ life }) => life);
    const name = `${idempotent ? "idempotent " : ""}${type} ${id}`;
    if (new Set(lives).size < lives.length) wrong.push(`${name} was admitted twice in one life`);
    if (isSure && !idempotent && lives.length > 1) wrong.push(`${name} was admitted ${lives.length} times`);
    if (end === undefined) wrong.push(`${name} has not ended`);
    if (end === "ok" && lives.length === 0)
      wrong.push(`${name} was never admitted, and its caller was told that it was`);
    if (end === "ok" && type === "ask" && answer !== id)
      wrong.push(`${name} was answered with ${String(answer)}`);
    if (!isDoubled && end === "refused" && lives.length > 0)
      wrong.push(`${name} was admitted, and its caller was told that it was not`);
    if (end === "unknown" && losses === 0 && at >= restedAt - FRESH_MS)
      wrong.push(`${name} had time enough and no owner was lost, and its caller was told that nobody knows`);
    if (losses === 0 && lives.length !== handled.filter((one) => one === id).length)
      wrong.push(`${name} was admitted and lost, although no owner was`);
  }
  return isSure ? [...wrong, ...outOfOrder(sent, admitted)] : wrong;
}

/** Of what is not idempotent: that alone is never sent anew, behind what was sent after it. */
function outOfOrder(sent: readonly Sent[], admitted: readonly { readonly id: number }[]): string[] {
  const once = admitted.map(({ id }) => id).filter((id) => !sent[id - 1]?.idempotent);
  return once.some((id, i) => id < (once[i - 1] ?? 0)) ? [`they were admitted as ${once.join(", ")}`] : [];
}
