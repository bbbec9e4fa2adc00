/** Changes of checkpoints in zip archives: of the pickle inside, of which files there are, and of the directory's numbers. */
import { unzipSync, zipSync, type UnzipFileInfo } from "fflate";
import { lies, mutateBytes, numberBytes, replaced, type Bytes } from "./byte-mutations.ts";
import { mutatePickle } from "./pickle-mutations.ts";
import type { Random } from "./random.ts";

/** Local header, entry of the directory, end of the directory: bytes of each. */
const records = [
  { signature: 0x04034b50, bytes: 30 },
  { signature: 0x02014b50, bytes: 46 },
  { signature: 0x06054b50, bytes: 22 },
];

export function mutateZip(bytes: Bytes, random: Random): Bytes {
  return random.chance(0.4) ? mutateRecord(bytes, random) : mutateContents(bytes, random);
}

function mutateRecord(bytes: Bytes, random: Random): Bytes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: { readonly at: number; readonly bytes: number }[] = [];
  for (let at = 0; at + 4 <= bytes.length; at++) {
    const record = records.find(({ signature }) => view.getUint32(at, true) === signature);
    if (record !== undefined) places.push({ at, bytes: record.bytes });
  }
  if (places.length === 0) return mutateBytes(bytes, random);
  const place = random.pick(places);
  const size = random.pick([2, 4] as const);
  const start = place.at + 4 + 2 * random.below((place.bytes - 4) / 2);
  return replaced(bytes, start, Math.min(bytes.length, start + size), numberBytes(random.pick(lies), size));
}

/** An archive that was changed before may say that it has billions of files, or one of gigabytes. */
function onlyOnce(): (file: UnzipFileInfo) => boolean {
  const seen = new Set<string>();
  return ({ name, originalSize }) => {
    if (seen.has(name) || originalSize > 2 ** 22) throw new Error("not an archive any more");
    seen.add(name);
    return true;
  };
}

function mutateContents(bytes: Bytes, random: Random): Bytes {
  let files: Record<string, Uint8Array<ArrayBuffer>>;
  try {
    files = { ...unzipSync(bytes, { filter: onlyOnce() }) };
  } catch {
    return mutateBytes(bytes, random);
  }
  const names = Object.keys(files);
  const pickle = names.find((name) => name.endsWith("data.pkl"));
  const name = random.chance(0.8) ? pickle : random.pick(names);
  if (name === undefined) return mutateBytes(bytes, random);
  const contents = files[name]!.slice();
  if (name === pickle) files[name] = mutatePickle(contents, random);
  else if (random.chance(0.3)) delete files[name];
  else if (random.chance(0.3)) files[`${name}${random.below(3)}`] = contents;
  else files[name] = mutateBytes(contents, random);
  if (Object.keys(files).length === 0) return new Uint8Array();
  return zipSync(files, { level: random.chance(0.3) ? 9 : 0 });
}
