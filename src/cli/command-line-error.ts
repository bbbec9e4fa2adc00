/** A mistake on the command line or in a file it names: its message is all there is to say. */
export class CommandLineError extends Error {
  /** `showUsage`: the usage helps, too. */
  constructor(
    message: string,
    readonly showUsage = false,
  ) {
    super(message);
  }
}
