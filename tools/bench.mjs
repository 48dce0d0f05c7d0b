// npm run bench -- [--json FILE]
import { launch } from "./launch.mjs";

await launch("bench/main.ts");
