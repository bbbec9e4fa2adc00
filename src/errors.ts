/**
 * The two ways things go wrong. A `UserError` is about what the caller asked for and can mend; an
 * `InternalError` is a defect of Heddle. Everything thrown on purpose is one of the two.
 */

/** What went wrong, coarsely, for callers that branch on it. */
export type UserErrorCode =
  | "shape"
  | "dtype"
  | "argument"
  /** A position outside what it is a position in. */
  | "index"
  /** A whole number of 64 bits that an operation does not hold. */
  | "overflow"
  | "model"
  | "state-dict"
  | "file-format"
  | "device-unavailable"
  | "device-lost"
  | "kernel-rejected"
  | "out-of-memory"
  | "unsupported"
  | "disposed"
  | "parse";

/** Where in the user's network an error arose. */
export interface UserErrorOrigin {
  /** Module path in state-dict notation, e.g. `layer2.conv1`. */
  readonly modulePath?: string;
  /** `file:line:column` of the user's call. */
  readonly callSite?: string;
}

/** A mistake in what was asked; the message says what was expected, what was found, and the remedy. */
export class UserError extends Error {
  override readonly name = "UserError";
  constructor(
    readonly code: UserErrorCode,
    message: string,
    readonly origin: UserErrorOrigin = {},
    options?: ErrorOptions,
  ) {
    super(message + describeOrigin(origin), options);
  }
}

/** A defect in Heddle itself: an invariant that did not hold. Please report it with the whole message. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

function describeOrigin(origin: UserErrorOrigin): string {
  const place = [
    origin.modulePath ? `in module '${origin.modulePath}'` : "",
    origin.callSite ? `called at ${origin.callSite}` : "",
  ].filter((part) => part !== "");
  return place.length === 0 ? "" : `\n    ${place.join(", ")}`;
}
