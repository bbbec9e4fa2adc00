/**
 * The user's own records: one file beside the kernel cache, which may be lost, damaged or written by several
 * processes at a time without harm. It appears whole, written aside and renamed. Node only.
 */
import { UserError } from "../errors.ts";
import { userCacheFolder } from "../runtime/cache-folder.ts";
import { importAtRuntime } from "../runtime/import-at-runtime.ts";
import { TuningRecords } from "./records.ts";

const fileName = "tuning.json";

type FileSystem = typeof import("node:fs/promises");
const fileSystem = (): Promise<FileSystem> => importAtRuntime<FileSystem>("node:fs/promises");

/** What is on file; no records where there is no file that can be read. */
export async function readUserRecords(): Promise<TuningRecords> {
  const folder = await userCacheFolder();
  if (folder === undefined) return new TuningRecords();
  const { readFile } = await fileSystem();
  let text: string;
  try {
    text = await readFile(`${folder}/${fileName}`, "utf8");
  } catch {
    return new TuningRecords(); // Not there or not readable: the same as never written.
  }
  try {
    return TuningRecords.parse(text);
  } catch (error) {
    if (error instanceof UserError) return new TuningRecords();
    throw error;
  }
}

/** Adds `records` to the file. Resolves to the reason if it could not; never rejects. */
export async function addToUserRecords(records: TuningRecords): Promise<string | undefined> {
  const folder = await userCacheFolder();
  if (folder === undefined) return undefined;
  const file = `${folder}/${fileName}`;
  const aside = `${file}.${process.pid}.${crypto.randomUUID()}.tmp`;
  const { mkdir, rename, rm, writeFile } = await fileSystem();
  try {
    await mkdir(folder, { recursive: true });
    // Another process may have added its own since this one read them.
    await writeFile(aside, String((await readUserRecords()).merge(records)));
    await rename(aside, file);
    return undefined;
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    return `tuning records ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
