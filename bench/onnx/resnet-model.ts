/** Any of torchvision's ResNets as an ONNX model, from its state dict alone: the names say what is there. */
import type { nn } from "../../src/index.ts";
import { OnnxModelBuilder } from "./model-builder.ts";

/** The model's bytes, with input "input" and output "output"; undefined where protobufjs is not installed. */
export async function resnetOnnxModel(
  state: nn.StateDict,
  inputShape: readonly number[],
): Promise<Uint8Array | undefined> {
  const model = new OnnxModelBuilder();
  const weight = (name: string): string => {
    const { shape, data } = state[name]!;
    return model.initializer(name, shape, Float32Array.from(data, Number));
  };
  const conv = (name: string, x: string, stride: number): string => {
    const kernel = state[`${name}.weight`]!.shape.slice(2);
    const pads = [...kernel, ...kernel].map((size) => (size - 1) / 2);
    return model.add("Conv", [x, weight(`${name}.weight`)], {
      kernel_shape: kernel,
      strides: [stride, stride],
      pads,
    });
  };
  const batchNorm = (name: string, x: string): string => {
    const operands = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      weight(`${name}.${part}`),
    );
    return model.add("BatchNormalization", [x, ...operands], { epsilon: { float: 1e-5 } });
  };
  const relu = (x: string): string => model.add("Relu", [x]);

  const block = (path: string, x: string, stride: number): string => {
    const has = (name: string): boolean => `${path}.${name}` in state;
    const projected = has("downsample.0.weight")
      ? batchNorm(`${path}.downsample.1`, conv(`${path}.downsample.0`, x, stride))
      : x;
    const last = has("conv3.weight") ? 3 : 2;
    // The 3×3 convolution takes the stride: the first of a basic block, the second of a bottleneck.
    const strided = last === 3 ? 2 : 1;
    let value = x;
    for (let i = 1; i <= last; i++) {
      value = batchNorm(`${path}.bn${i}`, conv(`${path}.conv${i}`, value, i === strided ? stride : 1));
      if (i < last) value = relu(value);
    }
    return relu(model.add("Add", [value, projected]));
  };

  let x = relu(batchNorm("bn1", conv("conv1", "input", 2)));
  x = model.add("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  for (const stage of [1, 2, 3, 4]) {
    for (let i = 0; `layer${stage}.${i}.conv1.weight` in state; i++) {
      x = block(`layer${stage}.${i}`, x, i === 0 && stage > 1 ? 2 : 1);
    }
  }
  x = model.add("Flatten", [model.add("GlobalAveragePool", [x])]);
  x = model.add("Gemm", [x, weight("fc.weight"), weight("fc.bias")], { transB: 1 });
  const output = { name: x, shape: [inputShape[0]!, state["fc.bias"]!.shape[0]!] };
  return model.encode({ name: "input", shape: inputShape }, output);
}
