/**
 * An actor's address as data: what a ref becomes when it travels in an argument, a result or a state.
 *
 * @module
 */
import { ADDRESS } from "../codec/value.ts";
import { InvalidArgumentError } from "../errors.ts";
import { nameFault } from "../transport/subjects.ts";
import { checkIsContract, type Contract } from "./contract.ts";
import type { Address, Ref } from "./ref.ts";
import type { Schema, SchemaResult } from "./schema.ts";

/**
 * The schema of a reference to an actor of that contract, for arguments, results and states: it takes a ref or an address, and
 * gives an address.
 *
 * @example
 * import { Actor, defineActor, refTo, tell } from "@baton/actors";
 * import { z } from "zod";
 *
 * const Listener = defineActor("listener", {
 *   state: z.strictObject({}),
 *   stateVersion: 1,
 *   messages: { hear: tell(z.string()) },
 * });
 * const Speaker = defineActor("speaker", {
 *   state: z.strictObject({}),
 *   stateVersion: 1,
 *   messages: { speakTo: tell(refTo(Listener)) },
 * });
 *
 * class SpeakerActor extends Actor<typeof Speaker> {
 *   static initialState() {
 *     return {};
 *   }
 *   async speakTo(listener: { kind: "listener"; name: string }) {
 *     await this.ref(Listener, listener).hear("hello");
 *   }
 * }
 * // node.ref(Speaker, "a").speakTo(node.ref(Listener, "b"))
 */
export function refTo<C extends Contract>({
  kind,
}: C): Schema<Ref<C> | Address<C["kind"]>, Address<C["kind"]>> {
  const validate = (value: unknown): SchemaResult<Address<C["kind"]>> => {
    const given = addressOf(value);
    if (given === undefined) return issue("expected a reference to an actor, or its kind and name");
    if (given.kind !== kind) return issue(`expected a reference to an actor of kind "${kind}"`);
    const fault = nameFault(given.name);
    if (fault !== undefined) return issue(`expected the name of an actor, and this one is ${fault}`);
    return { value: { kind, name: given.name } };
  };
  return { "~standard": { version: 1, vendor: "baton", validate } };
}

/** The address that a ref, or an address itself, stands for. */
export function addressOf(value: unknown): Address | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (ADDRESS in value) return value[ADDRESS] as Address;
  const { kind, name } = value as Partial<Address>;
  return typeof kind === "string" && typeof name === "string" ? { kind, name } : undefined;
}

/** The name of an actor that is given by its name, its address or a ref. @throws {InvalidArgumentError} for one of another kind */
export function nameAt(contract: Contract, actor: string | Address): string {
  checkIsContract("make a reference", contract);
  const { kind } = contract;
  if (typeof actor !== "object" || actor === null) return actor; // whoever takes the name checks it
  const address = addressOf(actor);
  if (address?.kind === kind) return address.name;
  throw new InvalidArgumentError(
    `Cannot make a reference to an actor of kind "${kind}": ${address === undefined ? "neither a name nor an address was given" : `the address is of kind "${address.kind}"`}`,
  );
}

function issue(message: string): SchemaResult<never> {
  return { issues: [{ message }] };
}
