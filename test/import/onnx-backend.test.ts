/**
 * ONNX's own backend tests (Debian's package libonnx-testdata), by the reference semantics and on the embedded CPU.
 * `npm run check:onnx-backend` runs them on other devices. What is refused, and why, is in
 * `scripts/onnx-backend/expectations.ts`.
 */
import { afterAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { findCases, packageFolder, readModel, type BackendCase } from "../../scripts/onnx-backend/cases.ts";
import { differenceOf } from "../../scripts/onnx-backend/compare.ts";
import { expectedRefusal, unusedReasons } from "../../scripts/onnx-backend/expectations.ts";
import { runCase } from "../../scripts/onnx-backend/run-case.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";

const cases = findCases(packageFolder);
const byGroup = new Map<string, BackendCase[]>();
for (const item of cases) {
  // The group and, of the many single operators, the first letter.
  const [group, name] = item.id.split("/") as [string, string];
  const key = group === "node" ? `${group}/${name[0]}…` : group;
  byGroup.set(key, [...(byGroup.get(key) ?? []), item]);
}

const reason = `ONNX's backend tests are not there: apt-get install libonnx-testdata puts them in ${packageFolder}.`;
if (cases.length === 0) console.log(reason);

/** Cases that did neither pass nor, where that is expected, end with a refusal. */
async function surprises(items: readonly BackendCase[], device: Parameters<typeof runCase>[1]) {
  const found: string[] = [];
  for (const item of items) {
    const { kind, reason: why } = await runCase(item, device);
    const expected = expectedRefusal(item.id) === undefined ? "passed" : "refused";
    if (kind !== expected) found.push(`${item.id} ${kind}, expected ${expected}: ${why}`);
  }
  return found;
}

describe.skipIf(cases.length === 0)("ONNX's backend tests", () => {
  const cpu = openDevice("cpu").then(({ device }) => device);
  afterAll(async () => (await cpu).finish());

  it("are all there, and every expectation is about some", () => {
    expect(cases.length).toBeGreaterThanOrEqual(1000);
    expect(unusedReasons(cases.map(({ id }) => id))).toEqual([]);
  });

  it.each([...byGroup])("%s give what was recorded by the reference semantics", async (_, items) => {
    expect(await surprises(items, "reference")).toEqual([]);
  });

  it.each([...byGroup])("%s give what was recorded on the embedded CPU", async (_, items) => {
    expect(await surprises(items, await cpu)).toEqual([]);
  });

  it("that are refused because of their operators name the nodes", () => {
    const named = /^onnx: the model uses what is not supported:\n( {4}[\w.:]+: .+ \(.+\)\n?)+$/;
    const isAboutOperators = (id: string) => /^node\/(scan|unique|nonmax|bernoulli|adam)/.test(id);
    for (const item of cases.filter(({ id }) => isAboutOperators(id))) {
      let error: unknown;
      try {
        importOnnx(readModel(item));
      } catch (thrown) {
        error = thrown;
      }
      expect(error, item.id).toBeInstanceOf(UserError);
      expect((error as UserError).message, item.id).toMatch(named);
    }
  });
});

describe("a result beside the recorded one", () => {
  const compared = (actual: HostTensor, expected: HostTensor, isImprecise = false) =>
    differenceOf(actual, { value: expected, isBfloat: false }, isImprecise);

  it.each<[string, HostTensor, HostTensor]>([
    ["another shape", tensor([1, 2], [2, 1]), tensor([1, 2])],
    ["another dtype", tensor([1, 2], [2], "i32"), tensor([1, 2], [2], "i64")],
    ["an integer that is one off", tensor([1, 200], [2], "u8"), tensor([1, 201], [2], "u8")],
    ["2e-5 of the largest element", tensor([1, 2.00004]), tensor([1, 2])],
    ["2e-3 of a small element", tensor([100, 0.01002]), tensor([100, 0.01])],
    ["NaN", tensor([1, NaN]), tensor([1, 2])],
    ["a number for NaN", tensor([1, 2]), tensor([1, NaN])],
    ["infinity of the other sign", tensor([Infinity]), tensor([-Infinity])],
    ["a half that is two off", tensor([1.002], [1], "f16"), tensor([1], [1], "f16")],
  ])("differs by %s", (_, actual, expected) => {
    expect(compared(actual, expected)).toBeTypeOf("string");
  });

  it("agrees where it is close, NaN and infinities in their places", () => {
    const expected = tensor([1, -2, NaN, Infinity]);
    expect(compared(tensor([1.000005, -2, NaN, Infinity]), expected)).toBeUndefined();
    expect(compared(tensor([1.0005, -2, NaN, Infinity]), expected, true)).toBeUndefined();
  });
});
