import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { TooLargeError, UnavailableError } from "../../errors.ts";
import { subjects } from "../../transport/subjects.ts";
import type { Connection, Incoming } from "../../transport/transport.ts";
import { type Bench, backends } from "./backends.ts";

const HOSTILE_NAMES = [
  ..."* > a.b $SYS.x ../a ü é é a* = =h =41 %2A".split(" "),
  ...["a b", "a\r\nb", "\0", "\uFEFFa", "x".repeat(4096), "日本語".repeat(100), "👍"],
];

/** A message as it was during its callback. */
interface Seen {
  readonly subject: string;
  readonly text: string;
  readonly reply: string | undefined;
  readonly noResponders: boolean;
}

function seen(message: Incoming): Seen {
  const { subject, reply, noResponders } = message;
  return { subject, text: new TextDecoder().decode(message.payload), reply, noResponders };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

for (const backend of backends()) {
  describe(`Transport over ${backend.name}`, () => {
    let bench: Bench;
    let alice: Connection;
    let bob: Connection;

    beforeEach(async () => {
      bench = await backend.open();
      alice = await bench.connect("alice");
      bob = await bench.connect("bob");
    });
    afterEach(() => bench.end());
    afterAll(() => backend.end());

    /** Collects what bob hears, once his subscription counts. */
    async function listen(subject: string, options?: { queue?: string }, by = bob): Promise<Seen[]> {
      const heard: Seen[] = [];
      by.transport.subscribe(subject, (message) => heard.push(seen(message)), options);
      await bench.done(by.transport.flush());
      return heard;
    }

    /** Returns when everything that alice published before has reached bob: order is kept between the two. */
    async function arrived(): Promise<void> {
      let marked = false;
      const marker = bob.transport.subscribe("marker.here", () => {
        marked = true;
      });
      await bench.done(bob.transport.flush());
      alice.transport.publish("marker.here", bytes(""));
      await bench.eventually("the marker", () => marked);
      marker.unsubscribe();
    }

    test("publish() delivers subject, payload, reply and headers when somebody listens", async () => {
      let message: (Seen & { one: unknown; other: unknown; none: unknown }) | undefined;
      bob.transport.subscribe("a.b", (incoming) => {
        const [one, other, none] = ["One", "Two", "one"].map((name) => incoming.header(name));
        message = { ...seen(incoming), one, other, none };
      });
      await bench.done(bob.transport.flush());
      const headers = { One: "1", Two: " zwölf\r\nX: y\n" };
      alice.transport.publish("a.b", bytes("hello"), { reply: "back.here", headers });
      await bench.eventually("a message", () => message);
      expect(message).toEqual({
        subject: "a.b",
        text: "hello",
        reply: "back.here",
        noResponders: false,
        one: "1",
        other: "zwölf X: y",
        none: undefined,
      });
    });

    test("publish() keeps the order when one sends many to one subscription", async () => {
      const heard = await listen("order.*");
      for (let i = 0; i < 2500; i++) alice.transport.publish(`order.${i % 7}`, bytes(String(i)));
      await bench.eventually("2500 messages", () => heard.length === 2500);
      expect(heard.map(({ text }) => Number(text))).toEqual(Array.from({ length: 2500 }, (_, i) => i));
    });

    test("publish() never calls back inside itself when the publisher listens too", async () => {
      const heard: string[] = [];
      let inside = false;
      alice.transport.subscribe("echo", ({ payload }) => {
        expect(inside).toBe(false);
        heard.push(new TextDecoder().decode(payload));
        if (heard.length < 5) {
          inside = true;
          alice.transport.publish("echo", bytes(String(heard.length)));
          inside = false;
        }
      });
      await bench.done(alice.transport.flush());
      inside = true;
      alice.transport.publish("echo", bytes("0"));
      inside = false;
      await bench.eventually("five echoes", () => heard.length === 5);
      expect(heard).toEqual(["0", "1", "2", "3", "4"]);
      expect(bench.errors).toEqual([]);
    });

    test("subscribe() matches whole tokens when the subject holds wildcards", async () => {
      const [star, tail, both, plain] = await Promise.all([
        listen("w.*.c"),
        listen("w.b.>"),
        listen("*.b.>"),
        listen("w.b"),
      ]);
      for (const subject of ["w.b", "w.b.c", "w.b.c.d", "w.x.c", "wb.c", "w.bb.c"]) {
        alice.transport.publish(subject, bytes(""));
      }
      await arrived();
      const subjectsOf = (heard: Seen[] | undefined) => heard?.map(({ subject }) => subject);
      expect(subjectsOf(star)).toEqual(["w.b.c", "w.x.c", "w.bb.c"]);
      expect(subjectsOf(tail)).toEqual(["w.b.c", "w.b.c.d"]);
      expect(subjectsOf(both)).toEqual(["w.b.c", "w.b.c.d"]);
      expect(subjectsOf(plain)).toEqual(["w.b"]);
    });

    test("subscribe() gives each message to one member when a queue group is named", async () => {
      const carol = await bench.connect("carol");
      const plain = await listen("q.*");
      const members = [
        await listen("q.*", { queue: "group" }),
        await listen("q.*", { queue: "group" }, carol),
      ];
      for (let i = 0; i < 200; i++) alice.transport.publish("q.x", bytes(String(i)));
      const all = () => members.flat().map(({ text }) => Number(text));
      await bench.eventually("each message at one member", () => all().length >= 200 && plain.length === 200);
      expect(all().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(members.every((heard) => heard.length > 0)).toBe(true);
    });

    test("subscribe() hears every subject of a hostile name when it listens on the door", async () => {
      const { door, doorAll, parseDoor } = subjects("conf");
      const heard = await listen(doorAll());
      for (const name of HOSTILE_NAMES) alice.transport.publish(door("Cart", name, "add"), bytes(name));
      await bench.eventually("every name", () => heard.length === HOSTILE_NAMES.length);
      expect(heard.map(({ text }) => text)).toEqual(
        HOSTILE_NAMES.map((name) => new TextDecoder().decode(bytes(name))),
      );
      for (const { subject } of heard)
        expect(parseDoor(subject)).toMatchObject({ kind: "Cart", message: "add" });
    });

    test("unsubscribe() ends delivery when messages are still under way", async () => {
      const heard: Seen[] = [];
      const subscription = bob.transport.subscribe("stop", (message) => heard.push(seen(message)));
      await bench.done(bob.transport.flush());
      alice.transport.publish("stop", bytes("1"));
      await bench.done(alice.transport.flush());
      subscription.unsubscribe();
      const count = heard.length;
      alice.transport.publish("stop", bytes("2"));
      await arrived();
      expect(heard.length).toBe(count);
    });

    test("publish() is answered by a note when nobody listens and a reply is named", async () => {
      const heard = await listen("inbox.>", {}, alice);
      alice.transport.publish("nobody.here", bytes("?"), { reply: "inbox.1" });
      await bench.eventually("the note", () => heard.length > 0);
      expect(heard).toEqual([{ subject: "inbox.1", text: "", reply: undefined, noResponders: true }]);
    });

    test("publish() brings no note when somebody listens, or no reply is named", async () => {
      const notes = await listen("inbox.>", {}, alice);
      const heard = await listen("somebody.here");
      alice.transport.publish("somebody.here", bytes("?"), { reply: "inbox.2" });
      alice.transport.publish("nobody.here", bytes("?"));
      await arrived();
      await bench.done(alice.transport.flush());
      expect(heard.length).toBe(1);
      expect(notes).toEqual([]);
    });

    test("subscribe() reports and goes on when a callback throws", async () => {
      const heard = await listen("boom");
      bob.transport.subscribe("boom", () => {
        throw new Error("boom");
      });
      await bench.done(bob.transport.flush());
      for (let i = 0; i < 3; i++) alice.transport.publish("boom", bytes(String(i)));
      await bench.eventually("three errors", () => bench.errors.length === 3);
      await arrived();
      expect(heard.map(({ text }) => text)).toEqual(["0", "1", "2"]);
      expect(bench.errors.map((error) => (error as Error).message)).toEqual(["boom", "boom", "boom"]);
    });

    test("publish() throws TooLargeError when the payload is above the limit, and stays usable", async () => {
      const heard: number[] = [];
      bob.transport.subscribe("large", ({ payload }) => heard.push(payload.length));
      await bench.done(bob.transport.flush());
      const most = alice.transport.maxPayloadBytes;
      expect(most).toBe(1_048_576);
      expect(() => alice.transport.publish("large", new Uint8Array(most + 1))).toThrow(TooLargeError);
      alice.transport.publish("large", new Uint8Array(most));
      await bench.eventually("the largest message", () => heard.length > 0);
      expect(heard).toEqual([most]);
    });

    test("close() makes publish silent and flush reject", async () => {
      const heard = await listen("late");
      alice.transport.publish("late", bytes("before"));
      await bench.done(alice.transport.flush());
      await bench.done(alice.close());
      alice.transport.publish("late", bytes("after"));
      expect(alice.transport.connected).toBe(false);
      await expect(bench.done(alice.transport.flush())).rejects.toThrow(UnavailableError);
      await bench.eventually("the message sent before", () => heard.length > 0);
      expect(heard.map(({ text }) => text)).toEqual(["before"]);
    });
  });
}
