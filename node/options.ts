/**
 * The names of what a node may be started with.
 *
 * @module
 */
import { unknownOption } from "../actors/options.ts";
import { ConfigurationError } from "../errors.ts";
import type { NodeOptions } from "./api.ts";

/** All of them: the compiler sees to it that none is missing. */
const OPTIONS: Readonly<Record<keyof NodeOptions, true>> = {
  ...{ name: true, cluster: true, transport: true, hosts: true, env: true, store: true, parkTo: true },
  ...{ weight: true, labels: true, version: true, onFenced: true, signals: true, leaveDeadlineMs: true },
  ...{ beforeLeave: true, door: true, settings: true, log: true, clock: true, random: true },
};

/** @throws {ConfigurationError} for an option that there is none of: what it was meant to say would be passed over */
export function checkOptionNames(options: NodeOptions): void {
  const fault = unknownOption(options, Object.keys(OPTIONS), "startNode");
  if (fault !== undefined)
    throw new ConfigurationError(`Cannot start a node: ${fault}. Times and bounds belong into "settings"`);
}
