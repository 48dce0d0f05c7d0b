// Run by sqlite_store.test.ts as a process of its own: opens a store, and says whether it was let in.
import process from "node:process";
import { sqliteStore } from "../../../storage/sqlite/store.ts";

try {
  const store = await sqliteStore({ path: process.argv[2] ?? "" });
  await store.close();
  console.log("let in");
} catch (error) {
  console.log((error as { code?: string }).code ?? String(error));
}
