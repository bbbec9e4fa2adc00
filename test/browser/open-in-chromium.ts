/** Serves files on this machine, opens one page of them in a headless Chromium, and returns what it posts back. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServedFile {
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Served = Readonly<Record<string, ServedFile>>;

const quiet = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ...["--disable-dev-shm-usage", "--disable-extensions", "--no-default-browser-check"],
];

/** Chromium or Chrome, whichever is on the path. */
export function findChromium(): string | undefined {
  const runs = (name: string): boolean => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
  return ["chromium", "chromium-browser", "google-chrome"].find(runs);
}

/**
 * Opens `/` and `query` of what is served; other paths are answered by `otherwise`. Fails when the page posts nothing
 * within `timeoutMs`.
 */
export async function openInChromium(
  chromium: string,
  served: Served,
  query: string,
  flags: readonly string[] = [],
  timeoutMs = 60_000,
  otherwise: RequestListener = (_, response) => void response.writeHead(404).end(),
): Promise<unknown> {
  const profile = await mkdtemp(join(tmpdir(), "heddle-chromium-"));
  let stderr = "";
  let resolvePosted: (text: string) => void = () => {};
  let rejectPosted: (error: unknown) => void = () => {};
  const posted = new Promise<string>((resolve, reject) => {
    [resolvePosted, rejectPosted] = [resolve, reject];
  });
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = served[path];
    if (request.method === "POST" && path === "/result") {
      textOf(request).then(resolvePosted, rejectPosted);
      response.end();
    } else if (file === undefined) otherwise(request, response);
    else response.writeHead(200, { "content-type": file.type, ...file.headers }).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}/${query}`;
  const browser = spawn(
    chromium,
    [...quiet, ...flags, `--user-data-dir=${profile}`, "--remote-debugging-port=0", address],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const closed = new Promise((resolve) => browser.on("close", resolve));
  browser.on("error", rejectPosted);
  browser.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const timer = setTimeout(
    () => rejectPosted(new Error(`${chromium} posted nothing in ${timeoutMs} ms:\n${stderr}`)),
    timeoutMs,
  );
  try {
    return JSON.parse(await posted) as unknown;
  } finally {
    clearTimeout(timer);
    browser.kill("SIGKILL");
    await closed;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
