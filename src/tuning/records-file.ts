/**
 * The user's own records: one file beside the kernel cache, which may be lost, damaged or written by several
 * processes at a time without harm. It appears whole, written aside and renamed. Node only.
 */
import { UserError } from "../errors.ts";
import { userCacheFolder } from "../runtime/cache-folder.ts";
import { importAtRuntime } from "../runtime/import-at-runtime.ts";
import { readPlainFile } from "../runtime/safe-file.ts";
import { TuningRecords } from "./records.ts";

const fileName = "tuning.json";
/** No file that `tune` wrote comes near. */
const mostBytes = 16 * 2 ** 20;

type FileSystem = typeof import("node:fs/promises");
const fileSystem = (): Promise<FileSystem> => importAtRuntime<FileSystem>("node:fs/promises");

/** What is on file; no records where there is no file that can be read. */
export async function readUserRecords(): Promise<TuningRecords> {
  const folder = await userCacheFolder();
  if (folder === undefined) return new TuningRecords();
  const fs = await fileSystem();
  // Not there or not readable: the same as never written.
  const bytes = await readPlainFile(fs, `${folder}/${fileName}`, mostBytes).catch(() => undefined);
  if (bytes === undefined) return new TuningRecords();
  try {
    return TuningRecords.parse(bytes.toString("utf8"));
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
    await writeFile(aside, String((await readUserRecords()).merge(records)), { flag: "wx" });
    await rename(aside, file);
    return undefined;
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    return `tuning records ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
