/** Layers, each applied to one of the inputs of a network. */
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";

export class Each extends nn.Module {
  readonly #calls: readonly (readonly [number, nn.Module & { forward(x: Tensor): Tensor }])[];

  constructor(...calls: readonly (readonly [number, nn.Module & { forward(x: Tensor): Tensor }])[]) {
    super();
    this.#calls = calls;
  }

  override forward(...inputs: Tensor[]): Tensor[] {
    return this.#calls.map(([input, layer]) => layer.forward(inputs[input]!));
  }
}
