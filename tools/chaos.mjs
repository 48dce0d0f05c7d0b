// npm run chaos -- --minutes M --seed N [--servers 1|3] [--runtimes bun,deno] [--nodes N] [--json] [--help]
import { launch } from "./launch.mjs";

await launch("chaos/main.ts");
