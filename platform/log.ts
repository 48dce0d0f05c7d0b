import { guarded } from "./guarded.ts";

/**
 * Where Baton writes what an operator may want to read. `console` fits; so do the loggers of the common libraries
 * behind one line. Nothing is written unless one is given: what an application should react to comes as events.
 */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** The same log, whose writer can neither throw into what it is told of, nor see whose async context that is. */
export function guardedLog(log: Log): Log {
  const level = (name: keyof Log) =>
    guarded((message: string, fields?: Record<string, unknown>) => log[name](message, fields));
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** Writes nothing. The default. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
