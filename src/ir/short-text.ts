/**
 * Any value as a message shows it: like JSON, short, and made without reading more of the value than is shown, so that
 * one from a file or a caller can be as long and as deeply nested as it likes, hold itself, or be nothing that JSON has.
 *
 *     { shape: [1, 2n], name: "…100,000 characters…" }   ⇒   {"shape":[1,2],"name":"aaaaaaaaaaaaaaaaaaaaaaaa…
 */

const deepest = 8;

/** @param most characters, beside the sign that something was left out */
export function shortText(value: unknown, most = 80): string {
  let text = "";
  const isFull = (): boolean => text.length > most;
  const write = (part: unknown, depth: number): void => {
    if (isFull()) return;
    if (typeof part === "string") text += JSON.stringify(part.slice(0, most + 1));
    else if (typeof part === "function") text += "a function";
    else if (typeof part !== "object" || part === null) text += String(part);
    else if (depth >= deepest) text += "…";
    else if (Array.isArray(part) || ArrayBuffer.isView(part)) writeItems(part as ArrayLike<unknown>, depth);
    else writeEntries(part, depth);
  };
  const writeItems = (items: ArrayLike<unknown>, depth: number): void => {
    text += "[";
    for (let i = 0; i < items.length && !isFull(); i++) {
      if (i > 0) text += ",";
      write(items[i], depth + 1);
    }
    text += "]";
  };
  const writeEntries = (record: object, depth: number): void => {
    text += "{";
    let isFirst = true;
    for (const name in record) {
      if (isFull()) break;
      if (!Object.hasOwn(record, name)) continue;
      text += `${isFirst ? "" : ","}${JSON.stringify(name.slice(0, most + 1))}:`;
      isFirst = false;
      write((record as Readonly<Record<string, unknown>>)[name], depth + 1);
    }
    text += "}";
  };
  write(value, 0);
  return isFull() ? `${text.slice(0, most)}…` : text;
}
