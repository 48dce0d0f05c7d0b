import { describe, expect, test } from "bun:test";
import { type Member, type MemberChange, memberKey } from "../../groups/member.ts";
import { Replica, type StreamPart } from "../../groups/replica.ts";
import { MOVED_MS, Roster } from "../../groups/roster.ts";
import { seededRandom } from "../../platform/random.ts";

const member = (actor: string, epoch = 1): Member => ({
  ...{ group: "room", name: "7", kind: "guest", actor, shard: 0, epoch },
  meta: new Uint8Array(),
});
const into = (actor: string, epoch = 1): MemberChange => ({ type: "in", member: member(actor, epoch) });
const out = (actor: string, moved = false, epoch = 1): MemberChange => ({
  type: "out",
  member: member(actor, epoch),
  moved,
});
const part = (number: number, changes: readonly MemberChange[], synced = false, stream = 1): StreamPart => ({
  ...{ stream, number, changes, synced },
});
const actors = (members: Iterable<Member>) => [...members].map(({ actor }) => actor).toSorted();

describe("a replica", () => {
  test("has nothing before a whole snapshot, and then what changes", () => {
    const replica = new Replica();
    replica.begin(1);
    expect(replica.hear(part(1, [into("a")]))).toEqual({ changes: [], gap: false });
    expect(replica.isSynced).toBe(false);
    replica.hear(part(2, [into("b")], true));
    expect(replica.isSynced).toBe(true);
    replica.hear(part(3, [out("a"), into("c")]));
    expect(actors(replica.members)).toEqual(["b", "c"]);
  });

  test("takes a repetition, and a part of another stream, for nothing", () => {
    const replica = new Replica();
    replica.begin(2);
    replica.hear(part(1, [into("a")], true, 2));
    for (const late of [part(1, [into("x")], true, 2), part(2, [into("y")], false, 1)])
      expect(replica.hear(late)).toEqual({ changes: [], gap: false });
    expect(actors(replica.members)).toEqual(["a"]);
  });

  test("takes nothing more of a stream with a gap, and keeps what it has until another one is whole", () => {
    const replica = new Replica();
    replica.begin(1);
    replica.hear(part(1, [into("a"), into("b")], true));
    expect(replica.hear(part(3, [into("c")])).gap).toBe(true);
    expect(replica.hear(part(2, [into("d")]))).toEqual({ changes: [], gap: false });
    replica.begin(2);
    replica.hear(part(1, [into("b")], false, 2));
    expect(actors(replica.members)).toEqual(["a", "b"]);
    const { changes } = replica.hear(part(2, [], true, 2));
    expect(changes.map(({ type, member: { actor } }) => [type, actor])).toEqual([
      ["out", "a"],
      ["in", "b"],
    ]);
    expect(actors(replica.members)).toEqual(["b"]);
  });

  test("hears of a part that was lost behind the last one, and of a source that knows it no more", () => {
    const replica = new Replica();
    replica.begin(1);
    replica.hear(part(1, [], true));
    expect(replica.heardOf(1, 1).gap).toBe(false);
    expect(replica.heardOf(1, 2).gap).toBe(true);
    replica.begin(2);
    expect(replica.heardOf(2, undefined).gap).toBe(true);
  });

  test("is what its source has, over a channel that loses, doubles and reorders", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      const pick = (n: number) => Math.floor(random.next() * n);
      const truth = new Map<string, Member>();
      const replica = new Replica();
      let stream = 0;
      let number = 0;
      let channel: StreamPart[] = [];
      const say = (changes: readonly MemberChange[], synced = false) => {
        channel.push(part(++number, changes, synced, stream));
      };
      const again = () => {
        replica.begin(++stream);
        number = 0;
        const members = [...truth.values()].map((each): MemberChange => ({ type: "in", member: each }));
        const half = pick(members.length + 1);
        say(members.slice(0, half));
        say(members.slice(half), true);
      };
      const arrives = (lossy: boolean) => {
        const index = lossy ? pick(channel.length) : 0;
        const next = channel[index];
        if (next === undefined) return;
        if (!lossy || random.next() < 0.8) channel.splice(index, 1); // else it comes once more
        if (lossy && random.next() < 0.1) return;
        if (replica.hear(next).gap) again();
      };
      again();
      for (let step = 0; step < 200; step++) {
        const actor = `g${pick(8)}`;
        const change = random.next() < 0.6 ? into(actor) : out(actor);
        if (change.type === "in") truth.set(memberKey(change.member), change.member);
        else truth.delete(memberKey(change.member));
        say([change]);
        for (let i = pick(4); i > 0; i--) arrives(true);
      }
      channel = channel.filter(() => random.next() < 0.5);
      for (let round = 0; round < 3; round++) {
        while (channel.length > 0) arrives(false);
        if (replica.heardOf(stream, number).gap) again();
      }
      expect([seed, actors(replica.members)]).toEqual([seed, actors(truth.values())]);
    }
  });
});

describe("a roster", () => {
  test("has a member once while it moves, whatever is heard first", () => {
    const joins = { a: into("x", 1), b: into("x", 2) };
    for (const order of ["out first", "in first"] as const) {
      const roster = new Roster();
      expect(roster.said("a", joins.a, 0)?.type).toBe("joined");
      const steps = [() => roster.said("a", out("x", true), 0), () => roster.said("b", joins.b, 0)];
      for (const step of order === "out first" ? steps : steps.toReversed()) {
        expect(step()).toBeUndefined();
        expect(roster.count("room", "7")).toBe(1);
        expect([...roster.shards("room", "7")]).toEqual([{ kind: "guest", shard: 0, count: 1 }]);
      }
      expect(roster.lapse(MOVED_MS)).toEqual([]);
      expect(roster.gone("a", undefined)).toEqual([]);
      expect(roster.said("b", out("x", false, 2), 0)?.type).toBe("left");
      expect([...roster.shards("room", "7")]).toEqual([]);
    }
  });

  test("drops one that has moved and does not come, and those of a node that is lost", () => {
    const roster = new Roster();
    for (const actor of ["x", "y"]) roster.said("a", into(actor), 0);
    roster.said("a", out("x", true), 5);
    expect(roster.dueAt).toBe(5 + MOVED_MS);
    expect(roster.lapse(4 + MOVED_MS)).toEqual([]);
    expect(roster.lapse(5 + MOVED_MS).map(({ type, member: { actor } }) => [type, actor])).toEqual([
      ["left", "x"],
    ]);
    expect(roster.gone("a", undefined).map(({ member: { actor } }) => actor)).toEqual(["y"]);
    expect(roster.count("room", "7")).toBe(0);
  });

  test("takes what a former owner says late for nothing", () => {
    const roster = new Roster();
    roster.said("b", into("x", 2), 0);
    expect(roster.said("a", into("x", 1), 0)).toBeUndefined();
    expect(roster.said("a", out("x"), 0)).toBeUndefined();
    expect(roster.count("room", "7")).toBe(1);
  });
});
