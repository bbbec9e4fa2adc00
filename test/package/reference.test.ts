/** The reference: made from docstrings, with nothing undocumented; `npm run docs` fails otherwise. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { repository } from "./packed.ts";

describe("npm run docs", () => {
  it("finds everything that is public documented, and every link to lead somewhere", () => {
    const { stdout, stderr, status } = spawnSync(
      "npm",
      ["run", "docs", "-w", "scripts/reference", "--", "--emit", "none"],
      {
        cwd: repository,
        encoding: "utf8",
      },
    );
    expect(`${stdout}${stderr}`).not.toMatch(/does not have any documentation|Failed to resolve link/);
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});
