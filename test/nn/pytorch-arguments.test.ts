/**
 * What PyTorch prints of layers made with arguments in its order, and the names of its arguments, against ours: an
 * argument that were taken for another would be printed as another.
 */
import { readFileSync } from "node:fs";
import { nn, UserError } from "heddle";
import { describe, expect, it } from "vitest";

interface Recording {
  readonly torch: string;
  readonly net: string;
  /** Names of positional arguments, by class. */
  readonly orders: Readonly<Record<string, readonly string[]>>;
  readonly layers: readonly { readonly python: string; readonly text: string }[];
}

const { layers, orders, net } = JSON.parse(
  readFileSync(new URL("../recordings/module-text.json", import.meta.url), "utf8"),
) as Recording;

/** A call in Python as one in JavaScript: PyTorch's arguments need no other names, lists other brackets. */
function make(python: string): nn.Module {
  const script = python
    .replaceAll("None", python.startsWith("BatchNorm") ? "null" : "undefined")
    .replaceAll("True", "true")
    .replaceAll("False", "false")
    .replace(
      /\((-?[\d.]+|undefined)((?:, (?:-?[\d.]+|undefined))+)\)/g,
      (list, first: string, rest: string, at: number, all: string) =>
        /\w$/.test(all.slice(0, at)) ? list : `[${first}${rest}]`,
    )
    .replace(/\bnn\./g, "new nn.");
  return new Function("nn", `return new nn.${script}`)(nn) as nn.Module;
}

/** PyTorch's attention has a layer of its own for its last projection. */
const expectedText = (text: string) => text.replaceAll("NonDynamicallyQuantizableLinear", "Linear");

describe("arguments in PyTorch's order", () => {
  it.each(layers)("$python prints as in PyTorch", ({ python, text }) => {
    expect(String(make(python))).toBe(expectedText(text));
  });

  it("are printed as a tree", () => {
    class Net extends nn.Module {
      conv = new nn.Conv2d(1, 16, 3, { padding: 1 });
      bn = new nn.BatchNorm2d(16);
      pool = new nn.AdaptiveAvgPool2d(1);
      fc = new nn.Linear(16, 10);
      override forward(x: nn.Tensor) {
        return x;
      }
    }
    expect(String(new Net())).toBe(net);
  });

  it("have PyTorch's names, in its order", () => {
    // What is not there, and where names differ.
    const absent = [
      "max_norm",
      "norm_type",
      "scale_grad_by_freq",
      "sparse",
      "_weight",
      "divisor_override",
      "mode",
      "recompute_scale_factor",
    ];
    const names: Readonly<Record<string, string>> = {
      p: "probability", min_val: "min", max_val: "max", lambd: "lambda", start_dim: "start_axis",
      end_dim: "end_axis", "PairwiseDistance.p": "p", "CosineSimilarity.dim": "axis", keepdim: "keep_dims", d_model: "d_model",
    }; // prettier-ignore
    const losses = /Loss$/;
    const fixed =
      /Pad\dd$|^Adaptive|^ChannelShuffle|^Pixel|^Unflatten|^ModuleList|Softm|^LogSoftmax|^Transformer(En|De)coder$|^LSTM$|^GRU$|^RNN$|^Transformer$|^EmbeddingBag$/;
    for (const [name, python] of Object.entries(orders)) {
      if (losses.test(name) || fixed.test(name) || python.length === 0) continue;
      const wanted = python
        .filter(
          (argument) =>
            (name === "Upsample" && argument === "mode") ||
            !absent.includes(argument) ||
            (name.startsWith("LPPool") && argument === "norm_type"),
        )
        .filter((argument) => !(argument === "min_value" || argument === "max_value"))
        .map((argument) => names[`${name}.${argument}`] ?? names[argument] ?? argument);
      const error = attempt(() => make(`${name}(${new Array(20).fill("None").join(", ")})`));
      const listed = /takes \(([^)]*)\)/.exec(error)?.[1]?.split(", ") ?? [];
      const snake = listed.map((argument) =>
        argument.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      );
      const own = snake.filter((argument) => name !== "LayerNorm" || argument !== "bias");
      expect(own, name).toEqual(wanted);
    }
  });

  it("may be followed by options, and are the same as options", () => {
    const text = String(new nn.Conv2d(4, 8, 3, { stride: 2, padding: 1, groups: 2, bias: false }));
    expect(String(new nn.Conv2d(4, 8, 3, 2, 1, 1, 2, false))).toBe(text);
    expect(String(new nn.Conv2d(4, 8, 3, 2, { padding: 1, groups: 2, bias: false }))).toBe(text);
    expect(String(new nn.Softmax({ dim: 1 }))).toBe(String(new nn.Softmax(1)));
  });

  it("are settings that a module shows", () => {
    const bn = new nn.BatchNorm2d(64, 1e-3, 0.2, true, false);
    expect({ ...bn }).toMatchObject({ numFeatures: 64, eps: 1e-3, momentum: 0.2, affine: true, trackRunningStats: false }); // prettier-ignore
    expect({ ...new nn.Conv2d(4, 8, [3, 1], 2, 1, 3, 2) }).toMatchObject({ inChannels: 4, outChannels: 8, kernelSize: [3, 1], stride: [2, 2], padding: [1, 1], dilation: [3, 3], groups: 2 }); // prettier-ignore
    expect({ ...new nn.Linear(3, 4) }).toMatchObject({ inFeatures: 3, outFeatures: 4 });
    expect({ ...new nn.MaxPool2d(3, 2, 1) }).toMatchObject({ kernelSize: 3, stride: 2, padding: 1, dilation: 1, ceilMode: false }); // prettier-ignore
  });
});

describe("arguments of another kind", () => {
  const message = (make: () => unknown) => expect(attempt(make).toLowerCase());
  const untyped = nn as unknown as Readonly<Record<string, new (...given: unknown[]) => unknown>>;

  it.each([
    ["Conv2d", [3, 8, 3, { pading: 1 }], "did you mean 'padding'"],
    ["Conv2d", [3, 8, 3, { in_place: 1 }], "there is no option 'in_place'"],
    ["Conv2d", [3, 8, 3, { padding_mode: "zeros" }], "did you mean 'paddingmode'"],
    ["Conv2d", [3, 8, 3, 1, "sme"], "did you mean 'same'"],
    ["Conv2d", [3, 8, 3, 1, 1, { padding: 2 }], "padding is given twice"],
    ["Conv2d", [3, 8, 3, true], "stride must be a number or a list of numbers, got true"],
    ["Conv2d", [3, 8], "kernel size: expected one number or 2, got undefined"],
    ["Conv2d", [{ inChannels: 3 }], "inchannels must be a whole number"],
    ["BatchNorm2d", [64, true], "eps must be a number, got true"],
    ["BatchNorm2d", [64, { eps: "1e-5" }], "eps must be a number"],
    ["Linear", [3, 4, 1], "bias must be a boolean, got 1"],
    ["Linear", [3, 4, true, 7], "takes (infeatures, outfeatures, bias)"],
    ["Linear", ["3", 4], 'infeatures must be a whole number from 1, got "3"'],
    ["Dropout", [{ p: 0.5 }], "did you mean 'probability'"],
    ["Flatten", [{ start_axis: 1 }], "did you mean 'startaxis'"],
    ["CosineSimilarity", [{ dim: 1 }], "did you mean 'axis'"],
    ["Softmax", [{ axis: 1 }], "did you mean 'dim'"],
    ["Softmax", [], "the dimension is missing"],
    ["Upsample", [{ scale_factor: 2 }], "did you mean 'scalefactor'"],
    ["Upsample", [{ scaleFactor: 2, mode: "bilinar" }], "did you mean 'bilinear'"],
    ["LSTM", [3, 4, { numLayer: 2 }], "did you mean 'numlayers'"],
    ["CrossEntropyLoss", [{ labelSmothing: 0.1 }], "did you mean 'labelsmoothing'"],
    ["MaxPool2d", [2, 2, 0, 1, true], "maxpoolwithindices"],
    ["MultiheadAttention", [8, 2, { batchfirst: true }], "did you mean 'batchfirst'"],
    ["TransformerEncoderLayer", [8, 2, { dimFeedForward: 2 }], "did you mean 'dimfeedforward'"],
  ])("new nn.%s(...%j) says: %s", (name, given, part) => {
    message(() => new untyped[name]!(...given)).toContain(part);
  });

  it("are errors of types, too", () => {
    const mistakes = [
      // @ts-expect-error no such option
      () => new nn.Conv2d(3, 8, 3, { pading: 1 }),
      // @ts-expect-error no such option, beside one that there is
      () => new nn.Conv2d(3, 8, 3, 1, { padding: 1, pading: 1 }),
      // @ts-expect-error a stride is no boolean
      () => new nn.Conv2d(3, 8, 3, true),
      // @ts-expect-error ε is no boolean
      () => new nn.BatchNorm2d(64, true),
      // @ts-expect-error there are no more
      () => new nn.Linear(3, 4, true, 7),
    ];
    for (const mistake of mistakes) expect(mistake).toThrow(UserError);
  });
});

/** The message of the error. */
function attempt(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.code).toBe("argument");
    return error.message;
  }
  return "nothing was thrown";
}
