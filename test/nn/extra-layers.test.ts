/** What the layers beyond convolution and batch norm refuse, how they start, and functions without a layer. */
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";
import * as nn from "../../src/nn/index.ts";
import { traceModule } from "../../src/nn/trace-module.ts";
import { Forward, randomTensor } from "../api/networks.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";

const { functional: F } = nn;
const ramp = (shape: readonly number[]): HostTensor<"f32"> =>
  tensor(
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i),
    shape,
  );

function expectClose(actual: HostTensor, expected: HostTensor): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(relativeError(actual, expected)).toBeLessThan(1e-6);
}

describe("input that does not fit is refused", () => {
  test.each([
    [
      new nn.LayerNorm([4, 5]),
      [2, 5, 4],
      /layerNorm: input \[2,5,4\] does not end in the normalised shape \[4,5\]/,
    ],
    [new nn.RMSNorm(4), [2, 5], /rmsNorm: input \[2,5\] does not end in the normalised shape \[4\]/],
    [
      new nn.GroupNorm(2, 4),
      [1, 6, 3],
      /GroupNorm: input \[1,6,3\] has 6 channels in dimension 1, expected 4/,
    ],
    [new nn.InstanceNorm2d(3), [2, 3], /InstanceNorm2d: input \[2,3\] has 2 dimensions, expected 4 \(or 3/],
    [new nn.InstanceNorm1d(3), [2, 4, 5], /InstanceNorm1d: input \[2,4,5\] has 4 channels/],
    [new nn.InstanceNorm1d(3, { trackRunningStats: true }), [2, 3, 1], /one position a channel/],
    [new nn.PReLU(3), [2, 4], /PReLU: input \[2,4\] has 4 channels, expected 3/],
    [new nn.Embedding(4, 2), [3], /embedding: indices are f32, expected i32.*dtype: "i32"/],
    [new nn.ConvTranspose2d(3, 4, 2), [3, 4], /ConvTranspose2d: input \[3,4\] has 2 dimensions, expected 4/],
    [new nn.ConvTranspose1d(3, 4, 2), [1, 2, 5], /conv_transpose: input \[1,2,5\] has 2 channels/],
    [new nn.MultiheadAttention(8, 2), [8], /MultiheadAttention: the query is \[8\]/],
    [new nn.PixelShuffle(2), [1, 6, 2, 2], /pixelShuffle: 6 channels of \[1,6,2,2\] do not divide by 2²/],
    [new nn.PixelUnshuffle(2), [1, 1, 3, 2], /height and width of \[1,1,3,2\] do not divide by 2/],
    [new nn.PixelShuffle(2), [4, 4], /needs channels, height and width/],
    [
      new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
      [1, 2, 3],
      /mode bilinear takes batch, channels and 2 more/,
    ],
    [new nn.Upsample({}), [1, 2, 3], /give either size or scaleFactor/],
    [new nn.Upsample({ scaleFactor: 0.1 }), [1, 2, 3], /the result would have sizes \[0\]/],
    [
      new nn.ReflectionPad1d(3),
      [1, 1, 3],
      /reflect padding of 3 and 3 does not fit dimension 2 of \[1,1,3\]/,
    ],
    [new nn.ZeroPad2d([1, 2]), [1, 1, 3, 3], /ZeroPad2d: expected 4 amounts/],
    [new nn.Unflatten(1, [2, -1]), [1, 5], /dimension 1 of \[1,5\] does not divide into \[2,-1\]/],
  ] as const)("%#: $2", (layer, shape, message) => {
    expect(() => traceModule(layer, [{ shape }])).toThrow(message);
    expect(() => traceModule(layer, [{ shape }])).toThrow(UserError);
  });

  test.each([
    [() => new nn.GroupNorm(3, 4), /4 channels do not divide into 3 groups/],
    [() => new nn.MultiheadAttention(8, 3), /8 features do not divide into 3 heads/],
    [() => new nn.Embedding(4, 2, { paddingIdx: 4 }), /paddingIdx 4 is not one of 4 rows/],
    [() => new nn.ConvTranspose2d(3, 4, 2, { groups: 2 }), /must both divide into groups=2/],
    [
      () => new nn.ConvTranspose1d(1, 1, 2, { outputPadding: 1 }),
      /output padding \[1\] must be less than stride \[1\]/,
    ],
    [() => new nn.ConvTranspose1d(1, 1, 0), /weight would be \[1,1,0\]/],
  ])("%#: $1", (build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(UserError);
  });
});

describe("initial values", () => {
  test("an embedding is N(0, 1), but for zeros at the padding position", () => {
    const { weight } = new nn.Embedding(400, 50, { paddingIdx: -1, random: seededRandom(1) });
    const values = Array.from(weight.value.data as Float32Array);
    expect(values.slice(-50)).toEqual(new Array(50).fill(0));
    const rest = values.slice(0, -50);
    const mean = rest.reduce((sum, value) => sum + value, 0) / rest.length;
    const variance = rest.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rest.length;
    // Four standard errors of 19950 samples.
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });

  test("attention's projections are Xavier-uniform and its biases zero", () => {
    const attention = new nn.MultiheadAttention(32, 4, { random: seededRandom(2) });
    const weights = Array.from(attention.inProjWeight!.value.data as Float32Array, Math.abs);
    const bound = Math.sqrt(6 / (96 + 32));
    expect(Math.max(...weights)).toBeLessThanOrEqual(bound);
    expect(Math.max(...weights)).toBeGreaterThan(0.98 * bound);
    expect(attention.outProj.bias!.value.data.every((value) => value === 0)).toBe(true);
  });
});

describe("functions", () => {
  test("an embedding takes indices from the end and the nearest row for those outside", () => {
    const rows = new Forward((indices) => F.embedding(indices!, ramp([3, 2])));
    const [result] = runTraced(rows, [tensor([-1, 0, 99], [3], "i32")]);
    expect([...result!.data]).toEqual([4, 5, 0, 1, 4, 5]);
  });

  test("pixelUnshuffle undoes pixelShuffle", () => {
    const there = new Forward((x) => F.pixelUnshuffle(F.pixelShuffle(x!, 3), 3));
    expect(runTraced(there, [ramp([2, 18, 2, 3])])).toEqual([ramp([2, 18, 2, 3])]);
  });

  test("a deformable convolution without offsets is a convolution, and with whole ones one of a shifted image", () => {
    const options = { stride: [2, 1], padding: 1, dilation: [1, 2], groups: 2, random: seededRandom(3) };
    const deformed = new nn.DeformConv2d(4, 6, 3, options);
    const plain = new nn.Conv2d(4, 6, 3, options);
    plain.weight.assign(deformed.weight.value);
    plain.bias!.assign(deformed.bias!.value);
    const x = randomTensor([2, 4, 7, 8]);
    const none = tensor(new Float32Array(2 * 18 * 4 * 6), [2, 18, 4, 6]);
    const [expected] = runTraced(plain, [x]);
    expectClose(runTraced(deformed, [x, none])[0]!, expected!);
    // Rows come first among the coordinates: one row further down is the image moved up by one.
    const down = tensor(
      none.data.map((_, i) => 1 - (Math.floor(i / 24) % 2)),
      none.shape,
    );
    const movedUp = new Forward((image) => image!.slice(2, 1, 7).pad([0, 0, 0, 1]));
    const rows = new Forward((y) => y!.slice(2, 1, 4));
    const inner = (y: HostTensor) => runTraced(rows, [y])[0]!;
    const [moved] = runTraced(deformed, [runTraced(movedUp, [x])[0]!, none]);
    // The first row of results reads what was moved out of the image.
    expectClose(inner(runTraced(deformed, [x, down])[0]!), inner(moved!));
    const half = tensor(new Float32Array(2 * 9 * 4 * 6).fill(0.5), [2, 9, 4, 6]);
    plain.bias!.assign(tensor(new Float32Array(6), [6]));
    deformed.bias!.assign(tensor(new Float32Array(6), [6]));
    const [whole] = runTraced(plain, [x]);
    const [masked] = runTraced(deformed, [x, none, half]);
    expectClose(masked!, {
      ...whole!,
      data: (whole!.data as Float32Array).map((value) => value / 2),
    } as HostTensor);
  });

  test("a deformable convolution refuses offsets and masks that do not fit", () => {
    const layer = new nn.DeformConv2d(4, 6, 3);
    const specs = (...shapes: (readonly number[])[]) => shapes.map((shape) => ({ shape }));
    expect(() => traceModule(layer, specs([1, 4, 5, 5], [1, 18, 5, 5]))).toThrow(
      /offsets \[1,18,5,5\] do not fit \[1,4,5,5\] with a weight of \[6,4,3,3\]; results would be \[1,6,3,3\]/,
    );
    expect(() => traceModule(layer, specs([1, 4, 5, 5], [1, 54, 3, 3]))).toThrow(/do not fit/);
    expect(() => traceModule(layer, specs([1, 4, 5, 5], [1, 18, 3, 3], [1, 18, 3, 3]))).toThrow(
      /and a mask \[1,18,3,3\] do not fit/,
    );
    expect(() => new nn.DeformConv2d(4, 6, 3, { groups: 4 })).toThrow(/must both divide into groups=4/);
  });

  test("attention that may see one position gives that position's value", () => {
    const only = (column: number) => ({
      dtype: "bool" as const,
      shape: [2, 3],
      data: Uint8Array.from({ length: 6 }, (_, i) => (i % 3 === column ? 1 : 0)),
    });
    const attend = new Forward((q, k, v) => F.scaledDotProductAttention(q!, k!, v!, { attnMask: only(1) }));
    const value = ramp([3, 2]);
    const [result] = runTraced(attend, [randomTensor([2, 4]), randomTensor([3, 4], 2), value]);
    expect(result).toEqual(tensor([2, 3, 2, 3], [2, 2]));
  });

  test("causal attention gives the first position its own value", () => {
    const attend = new Forward((x, v) => F.scaledDotProductAttention(x!, x!, v!, { isCausal: true }));
    const [result] = runTraced(attend, [randomTensor([3, 4]), ramp([3, 2])]);
    expect([...result!.data.slice(0, 2)]).toEqual([0, 1]);
    // Later positions mix what is before them: between the first value and their own.
    expect(result!.data[2]).toBeGreaterThan(0);
    expect(result!.data[2]).toBeLessThan(2);
  });

  test("attention drops weights in training mode only", () => {
    const attention = new nn.MultiheadAttention(4, 1, { dropout: 1, random: seededRandom(3) });
    attention.outProj.bias!.assign(tensor([1, 2, 3, 4]));
    const x = randomTensor([3, 4]);
    const [dropped] = runTraced(attention, [x]);
    expect([...dropped!.data]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    const [kept] = runTraced(attention.eval(), [x]);
    expect([...kept!.data]).not.toEqual([...dropped!.data]);
  });
});
