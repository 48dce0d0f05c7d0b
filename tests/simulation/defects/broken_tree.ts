/**
 * A program of this project with defects in it. Only the modules that a defect changes, and those that import them, are
 * written anew; all others are shared with the caller, so that what a runtime knows of them is not lost. That is sound
 * because modules have no state. The copies lie inside of the project's folder, where both runtimes find the same packages
 * and settings for them as for the originals.
 *
 * @module
 */
import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Change, patched } from "./defect.ts";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));
const TREES = path.join(ROOT, ".cache", "defects");
/** A statement that imports another module of the project when the program runs. What imports types only does not. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?"(\.[^"]+)"/gm;

/** What has a name and changes the product. */
export interface Breaking {
  readonly name: string;
  readonly changes: readonly Change[];
}

/** The copies that one program needs, until it is disposed of. */
export class BrokenTree implements AsyncDisposable {
  /** The copy of the program's first module. */
  readonly entry: string;
  readonly #folder: string;

  private constructor(folder: string, entry: string) {
    this.#folder = folder;
    this.entry = path.join(folder, entry);
  }

  /**
   * @param entry the program's first module, from the project's folder
   * @throws {Error} if a change does not fit, or is to a module that the program does not import
   */
  static async of(defects: readonly Breaking[], entry: string): Promise<BrokenTree> {
    const texts = await modulesOf(entry);
    const changed = new Set<string>();
    for (const { name, changes } of defects) {
      for (const change of changes) {
        const text = texts.get(change.file);
        if (text === undefined)
          throw new Error(`Cannot break ${change.file} by "${name}": ${entry} does not import it`);
        texts.set(change.file, patched(text, change, name));
        changed.add(change.file);
      }
    }
    await fs.mkdir(TREES, { recursive: true });
    const name = defects.map((defect) => defect.name).join("+");
    const tree = new BrokenTree(await fs.mkdtemp(path.join(TREES, `${name}-`)), entry);
    const copied = withImporters(changed, texts);
    try {
      for (const file of copied) await tree.#write(file, texts, copied);
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs the program's first module, and returns what that exports. */
  async run<T>(): Promise<T> {
    return await import(pathToFileURL(this.entry).href);
  }

  /** What it imports is the copy where there is one, else the original. */
  async #write(file: string, texts: ReadonlyMap<string, string>, copied: ReadonlySet<string>): Promise<void> {
    const to = path.join(this.#folder, file);
    const text = (texts.get(file) ?? "").replace(IMPORT, (statement, specifier: string) => {
      const imported = resolved(file, specifier);
      if (copied.has(imported)) return statement;
      const original = path.relative(path.dirname(to), path.join(ROOT, imported)).replaceAll("\\", "/");
      return statement.replace(`"${specifier}"`, `"${original}"`);
    });
    await fs.mkdir(path.dirname(to), { recursive: true });
    await fs.writeFile(to, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fs.rm(this.#folder, { recursive: true, force: true });
  }
}

/** The texts of a module and of all that it imports, directly or not. */
async function modulesOf(entry: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const toRead = [entry];
  for (const file of toRead) {
    if (texts.has(file)) continue;
    const text = await fs.readFile(path.join(ROOT, file), "utf8");
    texts.set(file, text);
    toRead.push(...importsOf(file, text));
  }
  return texts;
}

/** Some modules, and those that import them, directly or not. */
function withImporters(modules: ReadonlySet<string>, texts: ReadonlyMap<string, string>): Set<string> {
  const importers = new Map<string, string[]>();
  for (const [file, text] of texts)
    for (const imported of importsOf(file, text))
      importers.set(imported, [...(importers.get(imported) ?? []), file]);
  const all = new Set(modules);
  for (const file of all) for (const importer of importers.get(file) ?? []) all.add(importer);
  return all;
}

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, specifier = ""]) => resolved(file, specifier));
}

function resolved(file: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(file), specifier);
}
