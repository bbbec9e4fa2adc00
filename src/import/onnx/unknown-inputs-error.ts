/** What depends on inputs and has to be known when a model is compiled. */
import { UserError } from "../../errors.ts";

/** The inputs could be given values then, where these are the same in every run. */
export class UnknownInputsError extends UserError {
  constructor(
    message: string,
    readonly inputs: readonly string[],
  ) {
    super("unsupported", message);
  }
}

/** The inputs that an error is about; none for other errors. Errors are passed on with the node they are about. */
export function unknownInputsOf(error: unknown): readonly string[] {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof UnknownInputsError) return cause.inputs;
  return [];
}
