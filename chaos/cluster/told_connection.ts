// A connection that tells of each write that the servers acknowledge, and otherwise changes nothing.
import type { Connection } from "../../mod.ts";
import type { CasResult, Records } from "../../transport/records.ts";
import type { Acked } from "./lines.ts";

export function toldConnection(connection: Connection, tell: (acked: Acked) => void): Connection {
  const { transport, type } = connection;
  return {
    transport,
    type,
    records: async (bucket) => toldRecords(await connection.records(bucket), bucket, tell),
    onRefused: (listener) => connection.onRefused?.(listener) ?? (() => {}),
    close: () => connection.close(),
  };
}

function toldRecords(records: Records, bucket: string, tell: (acked: Acked) => void): Records {
  const told = async (key: string, writing: Promise<CasResult>): Promise<CasResult> => {
    const result = await writing;
    if (result.ok) tell({ bucket, key, revision: result.revision });
    return result;
  };
  return {
    create: (key, value) => told(key, records.create(key, value)),
    update: (key, value, revision) => told(key, records.update(key, value, revision)),
    remove: (key, revision) => told(key, records.remove(key, revision)),
    get: (key) => records.get(key),
    keys: (prefix) => records.keys(prefix),
    condition: () => records.condition(),
    watch: (prefix, onEntry, how) => records.watch(prefix, onEntry, how),
  };
}
