/**
 * A bound on the memory, and so on the work, that a file may ask for, in proportion to its bytes: what is packed, shared,
 * or made by one byte each could ask for any amount. Whoever makes something of a file's contents spends its bytes first.
 */
import { UserError } from "../errors.ts";

/** What files may take beside a multiple of their size. */
const freeBytes = 48 * 2 ** 20;
/** 8-bit elements become 32 bits, and there are those of the file beside them; files are packed, too. */
const factor = 8;

export class MemoryBudget {
  readonly #reader: string;
  readonly #fileBytes: number;
  #left: number;

  /** @param reader who reads the file, for messages */
  constructor(reader: string, fileBytes: number) {
    this.#reader = reader;
    this.#fileBytes = fileBytes;
    this.#left = freeBytes + factor * fileBytes;
  }

  /** @throws UserError (`file-format`) where `what` and all before it take more than a file of this size explains */
  spend(bytes: number, what: string, remedy = "The file is damaged or hostile; fetch it again."): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    throw new UserError(
      "file-format",
      `${this.#reader}: ${what} and what was read before it need more than ${freeBytes + factor * this.#fileBytes} bytes of memory, the most that a file of ${this.#fileBytes} bytes may ask for. ${remedy}`,
    );
  }
}
