/** How decisions are settled, with times that are made up. */
import { describe, expect, it } from "vitest";
import { parseGraph } from "../../src/ir/parse.ts";
import type { Choices, Decision, DecisionKind } from "../../src/passes/decision.ts";
import { tuneDecisions, type Measure, type TuningProgress } from "../../src/tuning/tune-decisions.ts";
import type { TuningEntry } from "../../src/tuning/records.ts";

const sample = () => parseGraph(`graph g(%x: input "x" f32[1]) { return "x" %x }`);

function decision(signature: string, ...candidates: [string, ...string[]]): Decision {
  return { kind: signature.split(" ")[0] as DecisionKind, signature, candidates, sample };
}

const algorithm = decision("algorithm a", "direct", "winograd-2", "winograd-4");

/** Times by candidate, the same for every decision; and what was measured, with which choices. */
function fakeMeasure(times: Readonly<Record<string, number>>) {
  const calls: { readonly signature: string; readonly choices: Readonly<Record<string, string>> }[] = [];
  const measure: Measure = async ({ signature, candidates }, choices) => {
    calls.push({ signature, choices: Object.fromEntries(choices) });
    return new Map(candidates.filter((name) => name in times).map((name) => [name, times[name]!]));
  };
  return { calls, measure };
}

async function settle(
  decisionsWith: (choices: Choices) => readonly Decision[],
  times: Readonly<Record<string, number>>,
  known: Readonly<Record<string, TuningEntry>> = {},
) {
  const { calls, measure } = fakeMeasure(times);
  const progress: TuningProgress[] = [];
  const onProgress = (step: TuningProgress): void => void progress.push(step);
  const settled = await tuneDecisions({ decisionsWith, known: new Map(Object.entries(known)), measure, onProgress }); // prettier-ignore
  return { settled, calls, progress };
}

const choiceOf = async (times: Readonly<Record<string, number>>) =>
  (await settle(() => [algorithm], times)).settled[0]!.entry.choice;

describe("of the candidates of a decision", () => {
  it("the fastest is chosen, and all times are kept", async () => {
    const times = { direct: 3, "winograd-2": 2, "winograd-4": 1 };
    const { settled } = await settle(() => [algorithm], times);
    const { signature, candidates, kind } = algorithm;
    expect(settled).toEqual([
      { kind, signature, candidates, entry: { choice: "winograd-4", elapsedMs: times }, measured: true },
    ]);
  });

  it("the rule's is kept where another one is at most 3 % faster", async () => {
    expect(await choiceOf({ direct: 1, "winograd-2": 0.971, "winograd-4": 2 })).toBe("direct");
    expect(await choiceOf({ direct: 1, "winograd-2": 0.969, "winograd-4": 2 })).toBe("winograd-2");
    expect(await choiceOf({ direct: 0, "winograd-2": 0, "winograd-4": 0 })).toBe("direct");
  });

  it("those that cannot run are left out, the rule's among them", async () => {
    expect(await choiceOf({ "winograd-2": 5, "winograd-4": 4 })).toBe("winograd-4");
    expect(await choiceOf({ direct: 1 })).toBe("direct");
    expect(await choiceOf({})).toBe("direct");
  });
});

describe("of the decisions of a network", () => {
  const blockOf = (choices: Choices) =>
    choices.get("algorithm a") === "winograd-4" ? decision("block winograd-4 a", "8", "16") : decision("block a", "8"); // prettier-ignore

  it("those of later passes are the ones that come up with what was chosen", async () => {
    const times = { direct: 3, "winograd-2": 2, "winograd-4": 1, "8": 2, "16": 1 };
    const { settled, calls } = await settle((choices) => [blockOf(choices), algorithm].reverse(), times);
    expect(settled.map(({ signature, entry }) => [signature, entry.choice])).toEqual([
      ["algorithm a", "winograd-4"],
      ["block winograd-4 a", "16"],
    ]);
    expect(calls.map(({ signature }) => signature)).toContain("block winograd-4 a");
    expect(calls.at(-1)!.choices).toMatchObject({ "algorithm a": "winograd-4" });
  });

  it("those with the same signature are measured once", async () => {
    const { settled, calls } = await settle(() => [algorithm, algorithm], { direct: 1 });
    expect([settled.length, calls.length]).toEqual([1, 1]);
  });

  it("those that records settle are not measured, unless the record's choice is no candidate any more", async () => {
    const entry: TuningEntry = { choice: "winograd-2", elapsedMs: {} };
    const known = await settle(() => [algorithm], { direct: 1 }, { "algorithm a": entry });
    expect(known.calls).toEqual([]);
    expect(known.settled).toMatchObject([{ measured: false, entry }]);
    const stale = { "algorithm a": { choice: "strassen", elapsedMs: {} } };
    const again = await settle(() => [algorithm], { direct: 1 }, stale);
    expect(again.settled).toMatchObject([{ measured: true, entry: { choice: "direct" } }]);
  });

  it("progress tells how many there are, before and after each", async () => {
    const others = [algorithm, decision("algorithm b", "direct", "winograd-2")];
    const { progress } = await settle(() => others, { direct: 1 });
    expect(progress.map(({ completed, total, signature }) => [completed, total, signature])).toEqual([
      [0, 2, "algorithm a"],
      [1, 2, "algorithm a"],
      [1, 2, "algorithm b"],
      [2, 2, "algorithm b"],
    ]);
  });
});
