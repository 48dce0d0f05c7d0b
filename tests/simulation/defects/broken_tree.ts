/**
 * A copy of the product with defects in it, and of what runs it. It lies inside of the project's folder, so that both runtimes
 * find the same packages and settings for it as for the original.
 *
 * @module
 */
import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Simulation from "../simulate.ts";
import { type Change, patched } from "./defect.ts";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));
const TREES = path.join(ROOT, ".cache", "defects");
/** What the simulation imports beside the product. */
const SIMULATION = ["tests/simulation", "tests/support"];

/** What has a name and changes the product. */
export interface Breaking {
  readonly name: string;
  readonly changes: readonly Change[];
}

/** The folders and files of the product, from the project's folder: those that are published. */
export async function productPaths(): Promise<string[]> {
  const { publish } = JSON.parse(await fs.readFile(path.join(ROOT, "deno.json"), "utf8"));
  const folders = (publish.include as string[]).flatMap((glob) => /^(\w+)\/\*\*\/\*/.exec(glob)?.[1] ?? []);
  const files = (await fs.readdir(ROOT)).filter((name) => name.endsWith(".ts"));
  return [...folders.filter((folder) => folder !== "docs"), ...files];
}

/** A copy with defects, until it is disposed of. */
export class BrokenTree implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * @param also folders that are copied beside the product and the simulation
   * @throws {Error} if a change does not fit
   */
  static async of(defects: readonly Breaking[], also: readonly string[] = []): Promise<BrokenTree> {
    await fs.mkdir(TREES, { recursive: true });
    const name = defects.map((defect) => defect.name).join("+");
    const tree = new BrokenTree(await fs.mkdtemp(path.join(TREES, `${name}-`)));
    try {
      for (const each of [...(await productPaths()), ...SIMULATION, ...also])
        await fs.cp(path.join(ROOT, each), tree.path(each), { recursive: true });
      for (const { name: defect, changes } of defects)
        for (const change of changes) await tree.#apply(change, defect);
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  path(file: string): string {
    return path.join(this.folder, file);
  }

  /** The simulation of the broken product: its modules are others than those of the caller. */
  async simulation(): Promise<typeof Simulation> {
    return await import(pathToFileURL(this.path("tests/simulation/simulate.ts")).href);
  }

  async #apply(change: Change, defect: string): Promise<void> {
    const file = this.path(change.file);
    await fs.writeFile(file, patched(await fs.readFile(file, "utf8"), change, defect));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fs.rm(this.folder, { recursive: true, force: true });
  }
}
