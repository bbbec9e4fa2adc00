/**
 * Programs of one model that differ in which of its default values the caller replaces. In: the names of these values
 * and how to compile a program that takes some of them. Out: such a program, compiled when it is first asked for; the
 * program with all defaults, which nearly every run uses, computes ahead whatever follows from them.
 */

interface Disposable {
  dispose(): void;
}

export class Variants<Program extends Disposable> {
  readonly #compile: (replaced: readonly string[]) => Promise<Program>;
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #names: ReadonlySet<string>;

  constructor(names: Iterable<string>, compile: (replaced: readonly string[]) => Promise<Program>) {
    this.#names = new Set(names);
    this.#compile = compile;
  }

  /** Those of `inputs` that replace a default. */
  replacedBy(inputs: readonly string[]): readonly string[] {
    return inputs.filter((name) => this.#names.has(name)).sort();
  }

  /** The program that takes `replaced`, in alphabetical order. */
  program(replaced: readonly string[]): Promise<Program> {
    const key = JSON.stringify(replaced);
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const made = this.#compile(replaced);
    this.#programs.set(key, made);
    // What failed is tried again, and fails anew.
    made.catch(() => this.#programs.delete(key));
    return made;
  }

  dispose(): void {
    for (const made of this.#programs.values())
      made.then(
        (program) => program.dispose(),
        () => undefined,
      );
    this.#programs.clear();
  }
}
