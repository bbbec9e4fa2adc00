/**
 * Writes the package's types: one file of declarations, of what the public interface reaches and nothing else. It
 * names the only library beyond ES2022 and DOM that it takes, so that no setting of the user's has to.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const root = fileURLToPath(new URL("..", import.meta.url));
mkdirSync(join(root, ".cache"), { recursive: true });
const scratch = mkdtempSync(join(root, ".cache/declarations-"));
try {
  const args = ["-p", "tsconfig.build.json", "--outDir", scratch];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the sources do not compile");
  const bundle = await rollup({
    input: join(scratch, "index.d.ts"),
    external: /^node:/,
    plugins: [dts({ tsconfig: join(root, "tsconfig.build.json") })],
    onwarn: (warning) => {
      throw new Error(warning.message);
    },
  });
  const { output } = await bundle.generate({ format: "es" });
  const [{ code }] = output;
  writeFileSync(join(root, "dist/index.d.ts"), `/// <reference lib="esnext.disposable" />\n${code}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
