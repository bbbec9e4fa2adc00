/** What examples in docstrings take for granted: a network, a model's bytes, an image, in files and in memory. */
import { readFileSync } from "node:fs";
import { compile, importOnnx, nn, tensor } from "heddle";

class Net extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 7, { stride: 4 });
  readonly pool = new nn.AdaptiveAvgPool2d(1);
  override forward(x: nn.Tensor): nn.Tensor {
    return this.pool.forward(this.conv.forward(x)).flatten(1);
  }
}

/** Takes whatever weights it is given, as long as there are some. */
class Weights extends nn.Linear {
  override loadStateDict(values: nn.StateDict): nn.LoadResult {
    if (Object.keys(values).length === 0) throw new Error("no weights were read");
    return { missingKeys: [], unexpectedKeys: [] };
  }
}

export const net: nn.Module & { forward(x: nn.Tensor): nn.Tensor } = new Net();
export const model: nn.Module = new Weights(2, 2);
export const pixels = new Float32Array(3 * 224 * 224);
export const bytes: Uint8Array = readFileSync("resnet18.onnx");
export const image = tensor(new Float32Array(8 * 64).fill(0.5), [8, 1, 8, 8]);
export const compiled = await compile(importOnnx(bytes), { shapes: { N: 8 } });
