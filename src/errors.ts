/**
 * The two ways things go wrong. A `UserError` is about what the caller asked for and can mend; an
 * `InternalError` is a defect of Heddle. Everything thrown on purpose is one of the two.
 */

/** What went wrong, coarsely, for callers that branch on it. */
export type UserErrorCode = keyof UserErrorCodes;

/** Every code, and what it is about. */
export interface UserErrorCodes {
  /** Sizes that do not fit each other, an op or an input. */
  readonly shape: never;
  /** A type of elements that does not fit, or a value that its type cannot hold. */
  readonly dtype: never;
  /** An argument or option that is none, or is missing. */
  readonly argument: never;
  /** A position outside what it is a position in. */
  readonly index: never;
  /** A whole number of 64 bits that an operation does not hold. */
  readonly overflow: never;
  /** A network that cannot be traced: `forward` returns no tensor, a parameter belongs to no module. */
  readonly model: never;
  /** Weights that do not fit a module: names, shapes or types. */
  readonly "state-dict": never;
  /** A file that is damaged, or is not what it should be. */
  readonly "file-format": never;
  /** No such device here; the message says what to install. */
  readonly "device-unavailable": never;
  /** The device went away; compile again. */
  readonly "device-lost": never;
  /** A driver refused a kernel; the message has its log. */
  readonly "kernel-rejected": never;
  /** The device has no room. */
  readonly "out-of-memory": never;
  /** Something that Heddle does not do; the message names it. */
  readonly unsupported: never;
  /** A compiled network, tensor or device that was disposed. */
  readonly disposed: never;
  /** Text that is no graph, or no records file. */
  readonly parse: never;
}

/** Where in the user's network an error arose. */
export interface UserErrorOrigin {
  /** Module path in state-dict notation, e.g. `layer2.conv1`. */
  readonly modulePath?: string;
  /** `file:line:column` of the user's call. */
  readonly callSite?: string;
}

/** A mistake in what was asked; the message says what was expected, what was found, and the remedy. */
export class UserError extends Error {
  /** Tells the class where `instanceof` cannot. */
  override readonly name = "UserError";
  constructor(
    /** What went wrong, coarsely. */
    readonly code: UserErrorCode,
    message: string,
    /** Where in the user's network. */
    readonly origin: UserErrorOrigin = {},
    options?: ErrorOptions,
  ) {
    super(readable(message) + describeOrigin(origin), options);
  }
}

/** A defect in Heddle itself: an invariant that did not hold. Please report it with the whole message. */
export class InternalError extends Error {
  /** Tells the class where `instanceof` cannot. */
  override readonly name = "InternalError";
}

/**
 * Names and lists in messages may come from files, which make them as long as they like: of a long message its begin
 * and its end, where the remedy is. Generated kernels are quoted whole: they are what a message about them is for.
 */
function readable(message: string): string {
  const isLong = message.length > shown.begin + shown.end + 200 && !message.includes("\n--- source ---\n");
  if (!isLong) return message;
  const left = message.length - shown.begin - shown.end;
  return `${message.slice(0, shown.begin)} … (${left} characters) … ${message.slice(-shown.end)}`;
}

/** Characters of long messages. */
const shown = { begin: 6000, end: 1500 } as const;

function describeOrigin(origin: UserErrorOrigin): string {
  const place = [
    origin.modulePath ? `in module '${origin.modulePath}'` : "",
    origin.callSite ? `called at ${origin.callSite}` : "",
  ].filter((part) => part !== "");
  return place.length === 0 ? "" : `\n    ${place.join(", ")}`;
}
