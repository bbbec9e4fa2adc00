/** One network in several systems, in turns: times, ratios and differences of results, as data. */
import { interleave, ratiosByRound, type Turns } from "./measure.ts";
import type { Network } from "./networks.ts";
import { relativeDifference, summarize, type Summary } from "./statistics.ts";
import { loaders } from "./systems/load.ts";
import { isHeddle, NotHere, type Contender, type SystemName } from "./systems/system.ts";

export interface SystemTimes {
  readonly system: SystemName;
  readonly description: string;
  readonly summary: Summary;
  /** From PyTorch's recorded output; undefined where there is none. */
  readonly difference: number | undefined;
  /** The first run after a pause of a fifth of a second, when cores sleep. */
  readonly afterPause: Summary;
  /** In ms, by round. */
  readonly turns: Turns;
}

/** Time of one of Heddle's devices ÷ time of another system. */
export interface Ratio {
  readonly system: SystemName;
  readonly reference: SystemName;
  /** Of the rounds' ratios. */
  readonly summary: Summary;
  /** Of the two results, relative to the largest output. */
  readonly difference: number;
  readonly rounds: readonly number[];
}

export interface Comparison {
  readonly network: string;
  readonly inputShape: readonly number[];
  readonly systems: readonly SystemTimes[];
  readonly ratios: readonly Ratio[];
  readonly missing: readonly { readonly system: SystemName; readonly why: string }[];
}

interface Loaded {
  readonly system: SystemName;
  readonly contender: Contender;
  readonly result: Float32Array;
}

/** `systems` in the order of their turns. A system that is not here, or fails, is left out with its reason. */
export async function compareSystems(
  network: Network,
  systems: readonly SystemName[],
  { rounds, threads }: { readonly rounds: number; readonly threads: number },
): Promise<Comparison> {
  const loaded: Loaded[] = [];
  const missing: { system: SystemName; why: string }[] = [];
  for (const system of systems) {
    try {
      const contender = await loaders[system](network, threads);
      loaded.push({ system, contender, result: (await contender.result()).slice() });
    } catch (error) {
      const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      missing.push({ system, why: error instanceof NotHere ? message : `failed: ${message}` });
    }
  }
  try {
    const turns = await interleave(
      loaded.map(({ contender }) => contender.run),
      rounds,
    );
    return {
      network: network.name,
      inputShape: network.input.shape,
      systems: loaded.map(({ system, contender, result }, i) => ({
        system,
        description: contender.description,
        summary: summarize(turns[i]!.times.flat()),
        afterPause: summarize(turns[i]!.afterPause),
        difference: network.expected && relativeDifference(result, network.expected),
        turns: turns[i]!,
      })),
      ratios: pairs(loaded, turns),
      missing,
    };
  } finally {
    for (const { contender } of loaded) await contender.dispose();
  }
}

/** The systems of both, as of one comparison; they were not measured in turns, so no ratios are added. */
export function joinComparisons(first: Comparison, second: Comparison): Comparison {
  return {
    ...first,
    systems: [...first.systems, ...second.systems],
    ratios: [...first.ratios, ...second.ratios],
    missing: [...first.missing, ...second.missing],
  };
}

function pairs(loaded: readonly Loaded[], turns: readonly Turns[]): readonly Ratio[] {
  return loaded.flatMap((above, i) =>
    loaded.flatMap((below, j) => {
      if (!isHeddle(above.system) || isHeddle(below.system)) return [];
      const rounds = ratiosByRound(turns[i]!.times, turns[j]!.times);
      const difference = relativeDifference(above.result, below.result);
      return [
        { system: above.system, reference: below.system, summary: summarize(rounds), difference, rounds },
      ];
    }),
  );
}
