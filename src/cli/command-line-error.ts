/** A mistake on the command line or in a file it names: its message is all there is to say. */
export class CommandLineError extends Error {
  /** `help`: the command line that says more, where the mistake is on the command line itself. */
  constructor(
    message: string,
    readonly help?: string,
  ) {
    super(message);
  }
}
