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

/** Writes nothing. The default. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
