/** A file of tuning records, as the commands read it. */
import { existsSync } from "node:fs";
import { UserError } from "../errors.ts";
import { TuningRecords } from "../tuning/records.ts";
import { CommandLineError } from "./command-line-error.ts";
import { readBytes } from "./files.ts";

export function readRecords(path: string): TuningRecords {
  const text = new TextDecoder().decode(readBytes(path));
  try {
    return TuningRecords.parse(text);
  } catch (error) {
    if (error instanceof UserError) throw new CommandLineError(`'${path}': ${error.message}`);
    throw error;
  }
}

/** No records where there is no such file yet. */
export function readRecordsIfAny(path: string): TuningRecords {
  return existsSync(path) ? readRecords(path) : new TuningRecords();
}
