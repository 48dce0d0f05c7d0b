import { describe, expect, test } from "bun:test";
import { BusyError, fromErrorData, InvalidArgumentError, toErrorData } from "../../errors.ts";

describe("ActorError", () => {
  test("has only the details that say something, so that a log shows no others", () => {
    expect(Object.keys(new BusyError("full")).sort()).toEqual(["code", "name", "retryable"]);
    expect(new BusyError("full").retryAfterMs).toBeUndefined();
    const unfit = new InvalidArgumentError("unfit", { path: "" });
    expect(Object.keys(unfit).sort()).toEqual(["code", "name", "path", "retryable"]);
  });

  test("is the same after its data form, with every detail", () => {
    const data = {
      ...{ code: "busy", message: "full", retryable: true, retryAfterMs: 100, path: "a.b" },
      ...{ causeCode: "E", causeName: "Error", remoteStack: "at a" },
    };
    expect(fromErrorData(data)).toBeInstanceOf(BusyError);
    expect(toErrorData(fromErrorData(data))).toEqual(data);
  });
});
