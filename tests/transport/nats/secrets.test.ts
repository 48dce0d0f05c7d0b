import { beforeEach, describe, expect, test } from "bun:test";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { Secrets } from "../../../transport/nats/secrets.ts";

let clock: ManualClock;
let asked: number[];
let give: () => string | Promise<string>;
let secrets: Secrets;

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  give = () => `password ${asked.length}`;
  const password = () => {
    asked.push(clock.now());
    return give();
  };
  secrets = new Secrets({ user: "u", password }, clock);
});

/** Asks as dials do that come again and again. @returns the errors that they met */
async function dialsFor(ms: number): Promise<unknown[]> {
  const errors = new Set<unknown>();
  for (let spent = 0; spent < ms; spent += 150) {
    await secrets.ask().catch((error: unknown) => errors.add(error));
    await clock.advance(150);
  }
  return [...errors];
}

describe("a function that gives a secret", () => {
  test("is asked again only when a server was shown what it gave, or when that is no longer fresh", async () => {
    expect(await dialsFor(4_800)).toEqual([]);
    expect(asked).toEqual([0]);
    expect(secrets.mustAsk).toBe(false);
    expect(secrets.authenticator("nonce")).toMatchObject({ user: "u", pass: "password 1" });
    expect(secrets.mustAsk).toBe(true);
    await secrets.ask();
    expect(secrets.authenticator("nonce")).toMatchObject({ pass: "password 2" });
    await secrets.ask();
    secrets.shown(); // as a certificate, in a handshake that comes to nothing
    await secrets.ask();
    expect(asked.length).toBe(4);
    await clock.advance(5_000);
    expect(secrets.mustAsk).toBe(true);
  });

  test("that fails is asked after pauses that grow up to ten seconds, and meets each dial between them with one error", async () => {
    give = () => {
      throw new Error("the vault is away");
    };
    const errors = await dialsFor(60_000);
    expect(errors.length).toBe(asked.length);
    const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
    expect(pauses.slice(0, 6)).toEqual([300, 600, 1_050, 2_100, 4_050, 8_100]); // the dials' steps are of 150 ms
    expect(pauses.slice(6).every((pause) => pause === 10_050)).toBe(true);
    expect(pauses.length).toBeGreaterThan(8);
    secrets.shown();
    expect(secrets.mustAsk).toBe(false);
  });

  test("that has failed is asked soon again when it fails after it was good", async () => {
    let isAway = true;
    give = () => (isAway ? Promise.reject(new Error("the vault is away")) : "good");
    await dialsFor(20_000);
    isAway = false;
    expect((await dialsFor(20_000)).length).toBeLessThan(2);
    expect(secrets.authenticator()).toMatchObject({ pass: "good" });
    isAway = true;
    const before = asked.length;
    await dialsFor(600);
    expect(asked.length).toBe(before + 2);
  });

  test("that gives nothing in time has failed as well, and is asked once meanwhile", async () => {
    give = () => new Promise(() => {});
    const early = [secrets.ask(), secrets.ask()].map((each) => each.catch(({ message }) => message));
    await clock.advance(10_000);
    expect(await Promise.all(early)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining("gave nothing")),
    );
    expect(asked.length).toBe(1);
    expect(secrets.mustAsk).toBe(false);
    await clock.advance(250);
    expect(secrets.mustAsk).toBe(true);
  });
});
