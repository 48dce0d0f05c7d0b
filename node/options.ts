/**
 * The names of what a node may be started with.
 *
 * @module
 */
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
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown === undefined) return;
  const known = Object.keys(OPTIONS).join(", ");
  throw new ConfigurationError(
    `Cannot start a node: there is no option "${unknown}". Those of startNode are ${known}; times and bounds belong into "settings"`,
  );
}
