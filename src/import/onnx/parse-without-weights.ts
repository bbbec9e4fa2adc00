/**
 * Parses a model without its weights. In: a model file's bytes, on disk. Out: the message that protobuf makes of
 * it, and for each initialiser with long raw data, where that lies in the file; in the message a mark stands for it.
 *
 *     graph { initializer { name: "w" raw_data: <9 MiB> } }   ⇒   graph { initializer { name: "w" raw_data: <mark> } }
 *
 * A file that cannot be walked is read and parsed whole, so that whatever is wrong with it is found and told by
 * the same code as for bytes in memory.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { UserError } from "../../errors.ts";
import type { ByteSource } from "../../ir/byte-source.ts";
import { parseModel, type ParsedModel } from "./parse-model.ts";
import { ModelProtoSchema, type ModelProto, type TensorProto } from "./schema/onnx_pb.ts";
import { encodeVarint, Irregular, WireReader, type WireField } from "./wire-format.ts";

/** Numbers of the fields that lead to weights. */
const graphField = 7;
const initializerField = 5;
const rawDataField = 9;

/** Protobuf's own limit, which files with weights left out may exceed. */
const mostWholeBytes = 2 ** 31 - 1;

/**
 * @param leastBytes raw data of so many bytes is left out
 * @throws UserError (`file-format`) when it is not an ONNX model
 */
export function parseWithoutWeights(file: ByteSource, leastBytes: number): ParsedModel {
  const parsed = attempt(file, leastBytes);
  if (parsed !== undefined) return parsed;
  if (file.byteLength > mostWholeBytes)
    throw new UserError(
      "file-format",
      `onnx: the file has ${file.byteLength} bytes and is not as ONNX's writers write it. It may be damaged; models of more than 2 GiB keep their weights in external data.`,
    );
  return parseModel(file.read());
}

/** Undefined where the file has to be parsed whole. */
function attempt(file: ByteSource, leastBytes: number): ParsedModel | undefined {
  let proto: ModelProto;
  const cut = new WeightCutter(file, leastBytes);
  try {
    proto = fromBinary(ModelProtoSchema, cut.model());
  } catch (error) {
    // The file could not be read. All else is about what it holds, and better told when all of it is parsed.
    if (error instanceof UserError) throw error;
    return undefined;
  }
  const rawData = new Map<TensorProto, ByteSource>();
  for (const [i, field] of cut.weights) {
    const tensor = proto.graph?.initializer[i];
    // The parser is laxer than the walk; where the two disagree on what is an initialiser, the parser is right.
    if (tensor === undefined || !isMark(tensor.rawData, i)) return undefined;
    rawData.set(tensor, file.slice(field.contents, field.end));
  }
  return { proto, rawData };
}

/** Bytes of the file, or others in their place. */
type Piece = Pick<WireField, "start" | "end"> | Uint8Array;

class WeightCutter {
  /** The fields that were left out, by the number of their initialiser. */
  readonly weights = new Map<number, WireField>();
  readonly #file: ByteSource;
  readonly #leastBytes: number;
  readonly #reader: WireReader;
  #initializers = 0;

  constructor(file: ByteSource, leastBytes: number) {
    this.#file = file;
    this.#leastBytes = leastBytes;
    this.#reader = new WireReader(file);
  }

  model(): Uint8Array {
    const pieces = this.#replaced({ contents: 0, end: this.#file.byteLength }, graphField, (graph) =>
      this.#replaced(graph, initializerField, (tensor) => this.#tensor(tensor)),
    );
    const bytes = new Uint8Array(lengthOf(pieces));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece instanceof Uint8Array ? piece : this.#file.slice(piece.start, piece.end).read(), at);
      at += lengthOf([piece]);
    }
    return bytes;
  }

  #tensor(tensor: WireField): readonly Piece[] {
    const number = this.#initializers++;
    return this.#replaced(tensor, rawDataField, (data) => {
      if (data.end - data.contents < this.#leastBytes) return [{ start: data.contents, end: data.end }];
      // Of several the last one counts, wherever it is.
      if (this.weights.has(number)) throw new Irregular("raw data twice");
      this.weights.set(number, data);
      return [markOf(number)];
    });
  }

  /** A message's contents, with other contents of the fields of a number. */
  #replaced(
    message: Pick<WireField, "contents" | "end">,
    field: number,
    replace: (field: WireField) => readonly Piece[],
  ): readonly Piece[] {
    const pieces: Piece[] = [];
    const keep = (start: number, end: number): void => {
      const last = pieces.at(-1);
      if (last !== undefined && !(last instanceof Uint8Array) && last.end === start)
        pieces[pieces.length - 1] = { start: last.start, end };
      else pieces.push({ start, end });
    };
    for (const found of this.#reader.fields(message.contents, message.end)) {
      if (found.number !== field) {
        keep(found.start, found.end);
        continue;
      }
      if (!found.isLengthDelimited) throw new Irregular(`field ${field} without a length`);
      const contents = replace(found);
      pieces.push(Uint8Array.of(8 * field + 2), encodeVarint(lengthOf(contents)), ...contents);
    }
    return pieces;
  }
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.end - piece.start),
    0,
  );
}

/** What stands for the raw data of an initialiser: its number. */
function markOf(initializer: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(initializer).buffer);
}

function isMark(bytes: Uint8Array, initializer: number): boolean {
  const mark = markOf(initializer);
  return bytes.length === mark.length && mark.every((byte, i) => byte === bytes[i]);
}
