import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type CasResult, createAbsent, type RecordEntry, type Records } from "../../transport/records.ts";
import { type Bench, backends } from "./backends.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function shown(entry: RecordEntry | undefined): string | undefined {
  return entry && `${entry.key}=${entry.value ? new TextDecoder().decode(entry.value) : "(removed)"}`;
}

function revisionOf(result: CasResult): number {
  if (!result.ok) throw new Error("expected a change that was applied, but it was refused");
  return result.revision;
}

for (const backend of backends()) {
  describe(`Records over ${backend.name}`, () => {
    let bench: Bench;
    let records: Records;
    let others: Records;
    let bucket = 0;

    beforeEach(async () => {
      bench = await backend.open();
      const name = `bucket-${++bucket}`;
      records = await bench.done((await bench.connect("alice")).records(name));
      others = await bench.done((await bench.connect("bob")).records(name));
    });
    afterEach(() => bench.end());
    afterAll(() => backend.end());

    async function create(key: string, value: string, by = records): Promise<number> {
      return revisionOf(await bench.done(by.create(key, bytes(value))));
    }

    test("create() writes once when others write the same key at once", async () => {
      const writers = Array.from({ length: 16 }, (_, i) =>
        (i % 2 ? records : others).create("k.a", bytes(`${i}`)),
      );
      const results = await bench.done(Promise.all(writers));
      expect(results.filter(({ ok }) => ok).length).toBe(1);
      const winner = results.findIndex(({ ok }) => ok);
      expect(shown(await bench.done(records.get("k.a")))).toBe(`k.a=${winner}`);
    });

    test("update() writes once when others write on the same revision", async () => {
      const revision = await create("k.a", "0");
      const writers = Array.from({ length: 16 }, (_, i) =>
        (i % 2 ? records : others).update("k.a", bytes(`${i}`), revision),
      );
      const results = await bench.done(Promise.all(writers));
      expect(results.filter(({ ok }) => ok).length).toBe(1);
    });

    test("update() is refused when the revision is not the newest", async () => {
      const first = await create("k.a", "1");
      const second = revisionOf(await bench.done(records.update("k.a", bytes("2"), first)));
      expect(second).toBeGreaterThan(first);
      expect(await bench.done(records.update("k.a", bytes("3"), first))).toEqual({ ok: false });
      expect(await bench.done(records.update("k.b", bytes("3"), first))).toEqual({ ok: false });
      expect(shown(await bench.done(others.get("k.a")))).toBe("k.a=2");
    });

    test("revisions grow over the whole bucket when different keys change", async () => {
      const revisions = [await create("k.a", ""), await create("k.b", "", others), await create("x.y.z", "")];
      revisions.push(revisionOf(await bench.done(others.update("k.a", bytes("2"), revisions[0] as number))));
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
      expect(new Set(revisions).size).toBe(4);
      expect((await bench.done(records.get("k.a")))?.revision).toBe(revisions[3] as number);
    });

    test("get() is undefined when a record never was, and the mark of its removal when it was removed", async () => {
      await create("k.a", "1");
      const revision = revisionOf(await bench.done(others.remove("k.a")));
      expect(await bench.done(records.get("k.a"))).toEqual({ key: "k.a", value: undefined, revision });
      expect(await bench.done(records.get("k.b"))).toBeUndefined();
    });

    test("keys() are those of the records below a prefix, and of nothing else that is there", async () => {
      for (const key of ["k.a", "k.b", "k.b.c", "kk.a"]) await create(key, "1");
      await bench.done(others.remove("k.a"));
      const keys = (await bench.done(records.keys("k"))).filter((key) => key !== "k.a"); // its mark may be there
      expect(keys.toSorted()).toEqual(["k.b", "k.b.c"]);
      expect((await bench.done(others.keys(""))).filter((key) => key !== "k.a").length).toBe(3);
      expect(await bench.done(records.keys("none"))).toEqual([]);
    });

    test("condition() is the same when the bucket was opened, also while it is empty", async () => {
      expect((await bench.done(records.condition())).is).toBe("same");
      await create("k.a", "1");
      expect((await bench.done(others.condition())).is).toBe("same");
    });

    test("create() is refused by the mark of a removal, also when it was removed again and again", async () => {
      await create("k.a", "1");
      for (let times = 0; times < 2; times++) {
        const revision = revisionOf(await bench.done(others.remove("k.a")));
        expect(await bench.done(records.create("k.a", bytes("2")))).toEqual({ ok: false });
        expect(await bench.done(records.get("k.a"))).toEqual({ key: "k.a", value: undefined, revision });
      }
    });

    test("update() makes a removed record anew for one who knows its mark, and for nobody else", async () => {
      const first = await create("k.a", "1");
      const early = revisionOf(await bench.done(others.remove("k.a")));
      const removed = revisionOf(await bench.done(others.remove("k.a", early)));
      for (const revision of [first, early])
        expect(await bench.done(records.update("k.a", bytes("2"), revision))).toEqual({ ok: false });
      const writers = [records, others].map((by) => by.update("k.a", bytes("3"), removed));
      const results = await bench.done(Promise.all(writers));
      expect(results.filter(({ ok }) => ok).length).toBe(1);
      expect(await bench.done(records.update("k.a", bytes("4"), removed))).toEqual({ ok: false });
      expect(shown(await bench.done(records.get("k.a")))).toBe("k.a=3");
    });

    test("createAbsent() writes what never was and what was removed, once, and over nothing that is there", async () => {
      const made = (key: string, value: string) =>
        bench.done(
          Promise.all([records, others].map((by, i) => createAbsent(by, key, bytes(`${value}${i}`)))),
        );
      expect((await made("k.a", "1")).filter(({ ok }) => ok).length).toBe(1);
      expect((await made("k.a", "2")).filter(({ ok }) => ok).length).toBe(0);
      const removed = revisionOf(await bench.done(others.remove("k.a")));
      const [result] = (await made("k.a", "3")).filter(({ ok }) => ok);
      expect(result && revisionOf(result)).toBeGreaterThan(removed);
      expect(shown(await bench.done(records.get("k.a")))).toMatch(/^k.a=3/);
    });

    test("remove() is refused when the revision is not the newest", async () => {
      const first = await create("k.a", "1");
      const second = revisionOf(await bench.done(records.update("k.a", bytes("2"), first)));
      expect(await bench.done(records.remove("k.a", first))).toEqual({ ok: false });
      expect((await bench.done(records.remove("k.a", second))).ok).toBe(true);
    });

    test("values survive as they were written when the caller changes his bytes", async () => {
      const value = Uint8Array.from([0, 255, 1]);
      revisionOf(await bench.done(records.create("k.a", value)));
      value.fill(9);
      const read = await bench.done(others.get("k.a"));
      read?.value?.fill(8);
      expect([...((await bench.done(records.get("k.a")))?.value ?? [])]).toEqual([0, 255, 1]);
      expect((await bench.done(records.create("k.empty", new Uint8Array()))).ok).toBe(true);
      expect((await bench.done(records.get("k.empty")))?.value?.length).toBe(0);
    });

    test("watch() delivers what exists, then each change in order, when others write", async () => {
      const first = await create("nodes.a", "1");
      await create("nodes.b", "1");
      await create("nodes.gone", "1");
      await create("shards.a", "1");
      revisionOf(await bench.done(records.update("nodes.a", bytes("2"), first)));
      revisionOf(await bench.done(records.remove("nodes.gone")));
      const heard: RecordEntry[] = [];
      await bench.done(records.watch("nodes", (entry) => heard.push(entry)));
      expect(heard.map(shown)).toEqual(["nodes.b=1", "nodes.a=2"]);
      await create("nodes.c", "1", others);
      await create("shards.b", "1", others);
      revisionOf(await bench.done(others.remove("nodes.b")));
      revisionOf(await bench.done(createAbsent(others, "nodes.gone", bytes("2"))));
      await bench.eventually("three changes", () => heard.length === 5);
      expect(heard.slice(2).map(shown)).toEqual(["nodes.c=1", "nodes.b=(removed)", "nodes.gone=2"]);
      const revisions = heard.map(({ revision }) => revision);
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    });

    test("watch() delivers what was removed before it began, in its place, if marks are wanted", async () => {
      await create("k.a", "1");
      await create("k.gone", "1");
      const { ok } = await bench.done(records.remove("k.gone"));
      expect(ok).toBe(true);
      await create("k.b", "1");
      const heard: RecordEntry[] = [];
      await bench.done(records.watch("k", (entry) => heard.push(entry), { marks: true }));
      expect(heard.map(shown)).toEqual(["k.a=1", "k.gone=(removed)", "k.b=1"]);
    });

    test("watch() delivers at once what is written when the bucket was empty", async () => {
      const heard: RecordEntry[] = [];
      await bench.done(records.watch("", (entry) => heard.push(entry)));
      expect(heard).toEqual([]);
      for (let i = 0; i < 20; i++) await create(`k.${i}`, String(i), others);
      await bench.eventually("twenty records", () => heard.length === 20);
      expect(heard.map(shown)).toEqual(Array.from({ length: 20 }, (_, i) => `k.${i}=${i}`));
    });

    test("watch() goes on when its callback throws", async () => {
      const heard: RecordEntry[] = [];
      await bench.done(
        records.watch("k", (entry) => {
          heard.push(entry);
          throw new Error("boom");
        }),
      );
      await create("k.a", "1");
      await create("k.b", "1");
      await bench.eventually("two records", () => heard.length === 2);
      expect(bench.errors.length).toBe(2);
    });

    test("stop() ends a watch when changes go on", async () => {
      const heard: RecordEntry[] = [];
      const others_: RecordEntry[] = [];
      const watch = await bench.done(records.watch("k", (entry) => heard.push(entry)));
      await bench.done(records.watch("k", (entry) => others_.push(entry)));
      watch.stop();
      await create("k.a", "1");
      await bench.eventually("the other watch", () => others_.length === 1);
      expect(heard).toEqual([]);
    });
  });
}
