import { describe, expect, test } from "bun:test";
import type { ActorNode } from "../../node/api.ts";
import { seededRandom } from "../../platform/random.ts";
import { History } from "../../testing/history.ts";
import { Bank, type Balance, type Transfer } from "./workload/bank.ts";

/** When the payment was made, in milliseconds, and where. */
const PAID_AT = 100;
const PAID_ON = "n0.1";

/** A bank in which one payment was acknowledged, and its accounts as they are after it, if all went well. */
async function paidOnce() {
  const history = new History(() => PAID_AT);
  const bank = new Bank({ history, now: () => PAID_AT });
  const asked: Transfer[] = [];
  const names: string[] = [];
  const pay = (transfer: Transfer) => {
    asked.push(transfer);
    return Promise.resolve(true);
  };
  const ref = (_of: unknown, name: string) => {
    names.push(name);
    return { pay };
  };
  const node = { ref } as unknown as ActorNode;
  await bank.transfer(node, seededRandom(1), () => true);
  const [[transfer], [from]] = [asked as [Transfer], names as [string]];
  const { id, other: to, amount } = transfer;
  const account = (balance: number): Balance => ({ balance, paid: {}, received: {} });
  const payer = { ...account(100 - amount), paid: { [id]: transfer } };
  const receiver = { ...account(100 + amount), received: { [id]: { id, other: from, amount } } };
  /** The payer's handler runs there. */
  const handled = () => {
    const other = { credit: () => Promise.resolve(), creditAgain: () => Promise.resolve() };
    const payerActor = { name: from, state: account(100), ref: () => other };
    bank
      .host(PAID_ON, () => true)
      .register(undefined)
      .messages.get("pay")
      ?.handler.call(payerActor, transfer);
  };
  const found = (a: Balance, b: Balance) => [
    ...bank.faults(
      new Map([
        [from, a],
        [to, b],
      ]),
    ),
  ];
  return { history, to, payer, receiver, untouched: account(100), handled, found };
}

describe("Bank", () => {
  test("faults() finds nothing when the transfer has arrived", async () => {
    const { payer, receiver, found } = await paidOnce();
    expect(found(payer, receiver)).toEqual([]);
  });

  test("faults() finds money that is lost without a cause, made, or paid and taken back", async () => {
    const { payer, receiver, untouched, found } = await paidOnce();
    expect(found(payer, untouched).join()).toContain("missing without a loss");
    expect(found(untouched, receiver).join()).toContain("has not paid it");
    expect(found(untouched, untouched).join()).toContain("was acknowledged");
    expect(found(payer, { ...receiver, balance: 1_000 }).join()).toContain("its transfers make");
    expect(found({ ...payer, balance: 100 }, receiver).join()).toContain("began with 200");
  });

  test("faults() lets a loss of the receiver, or a report, excuse what did not arrive", async () => {
    const lost = await paidOnce();
    lost.history.lost(`account/${lost.to}`, 2);
    expect(lost.found(lost.payer, lost.untouched)).toEqual([]);
    const reported = await paidOnce();
    reported.history.deadLetter(`account/${reported.to}`);
    expect(reported.found(reported.payer, reported.untouched)).toEqual([]);
  });

  test("faults() lets an end of the payer's node excuse it only between the payment and the delivery", async () => {
    const endedAt = async (how: "killed" | "fenced", at: number) => {
      const { history, payer, untouched, handled, found } = await paidOnce();
      handled();
      if (how === "killed") history.killed.set(PAID_ON, at);
      else history.fenced.set(PAID_ON, [at]);
      return found(payer, untouched).join();
    };
    for (const how of ["killed", "fenced"] as const) {
      expect(await endedAt(how, PAID_AT + 1)).toBe("");
      expect(await endedAt(how, PAID_AT - 1)).toContain("missing without a loss");
      expect(await endedAt(how, PAID_AT + 60_000)).toContain("missing without a loss");
    }
  });

  test("faults() knows that nothing is delivered while the payer's node is frozen", async () => {
    const { history, payer, untouched, handled, found } = await paidOnce();
    handled();
    history.disturbances.push({ what: "freeze", node: "n0", from: PAID_AT, to: PAID_AT + 60_000 });
    history.killed.set(PAID_ON, PAID_AT + 60_001);
    expect(found(payer, untouched)).toEqual([]);
  });
});
