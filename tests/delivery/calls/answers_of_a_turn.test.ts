import { describe, expect, test } from "bun:test";
import type { Gate, GateListener } from "../../../cluster/gate.ts";
import { LocalReplyGate } from "../../../delivery/calls/local_reply_gate.ts";

/** A gate that a test opens and closes, and that counts how often it is looked at. */
class Door {
  looks = 0;
  #isOpen = true;
  #listener: GateListener = () => {};

  get isOpen(): boolean {
    this.looks++;
    return this.#isOpen;
  }

  onChange(listener: GateListener): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  set(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#listener(isOpen, "");
  }
}

function begin() {
  const door = new Door();
  const thrown: unknown[] = [];
  const out: string[] = [];
  const gate = new LocalReplyGate(door as unknown as Gate, (error) => thrown.push(error));
  const give = (...words: string[]) => {
    for (const word of words) gate.give({ goOut: () => void out.push(word) });
  };
  return { door, gate, out, thrown, give };
}

describe("LocalReplyGate", () => {
  test("gives the answers of a turn together when it ends, in order, after one look at the gate", async () => {
    const { door, out, give } = begin();
    give("a", "b");
    give("c");
    expect(out).toEqual([]);
    await Promise.resolve();
    expect(out).toEqual(["a", "b", "c"]);
    expect(door.looks).toBe(1);
  });

  test("looks at the gate when the turn ends: what was answered while it was open waits if it is closed by then", async () => {
    const { door, out, give } = begin();
    give("a");
    door.set(false);
    await Promise.resolve();
    give("b");
    await Promise.resolve();
    expect(out).toEqual([]);
    door.set(true);
    expect(out).toEqual(["a", "b"]);
    await Promise.resolve();
    expect(out).toEqual(["a", "b"]);
  });

  test("gives all others if one throws, and what is given meanwhile", async () => {
    const { gate, out, thrown, give } = begin();
    const error = new Error("nobody expects it");
    gate.give({
      goOut: () => {
        give("later");
        throw error;
      },
    });
    give("a");
    await Promise.resolve();
    await Promise.resolve();
    expect(out).toEqual(["a", "later"]);
    expect(thrown).toEqual([error]);
  });

  test("gives nothing once it is stopped", async () => {
    const { door, gate, out, give } = begin();
    give("a");
    gate.stop();
    await Promise.resolve();
    door.set(true);
    expect(out).toEqual([]);
  });
});
