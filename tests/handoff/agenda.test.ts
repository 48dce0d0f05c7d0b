import { describe, expect, test } from "bun:test";
import { Agenda } from "../../handoff/agenda.ts";

describe("Agenda", () => {
  test("tells each shard that has changed once", () => {
    const agenda = new Agenda();
    agenda.add("cart", 3);
    agenda.add("cart", 3);
    agenda.add("user", 3);
    expect(agenda.takeChanged()).toEqual([
      { kind: "cart", shard: 3 },
      { kind: "user", shard: 3 },
    ]);
    expect(agenda.takeChanged()).toEqual([]);
  });

  test("admit() takes as many as there is room for, in their order, each line for itself", () => {
    const agenda = new Agenda();
    for (const shard of [1, 2, 3]) agenda.wait("moves", "cart", shard);
    agenda.wait("claims", "user", 9);
    const room: Record<string, number> = { moves: 2, claims: 0 };
    const seen: number[] = [];
    const admit = () =>
      agenda.admit(
        (line) => (room[line] ?? 0) > 0,
        (kind, shard) => {
          const line = kind === "cart" ? "moves" : "claims";
          room[line] = (room[line] ?? 0) - 1;
          seen.push(shard);
        },
      );
    admit();
    expect(seen).toEqual([1, 2]);
    room["claims"] = 1;
    admit();
    expect(seen).toEqual([1, 2, 9]);
    room["moves"] = 5;
    admit();
    expect(seen).toEqual([1, 2, 9, 3]);
  });

  test("admit() ends when whoever is admitted waits again", () => {
    const agenda = new Agenda();
    agenda.wait("moves", "cart", 1);
    agenda.wait("moves", "cart", 2);
    const seen: number[] = [];
    agenda.admit(
      () => true,
      (kind, shard) => {
        seen.push(shard);
        agenda.wait("moves", kind, shard);
      },
    );
    expect(seen).toEqual([1, 2]);
  });

  test("clear() leaves nothing", () => {
    const agenda = new Agenda();
    agenda.add("cart", 1);
    agenda.wait("moves", "cart", 2);
    agenda.clear();
    expect(agenda.takeChanged()).toEqual([]);
    const seen: number[] = [];
    agenda.admit(
      () => true,
      (_, shard) => seen.push(shard),
    );
    expect(seen).toEqual([]);
  });
});
