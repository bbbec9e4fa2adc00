/** Modules that hold modules. */
import { UserError } from "../errors.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** A module that takes one tensor and returns one. */
type Layer = Module & { forward(x: Tensor): Tensor };

/** Modules in a list, named by position. */
export class ModuleList<M extends Module = Module> extends Module {
  [position: number]: M;
  readonly #length: number;

  constructor(modules: readonly M[]) {
    super();
    modules.forEach((module, position) => {
      this[position] = module;
    });
    this.#length = modules.length;
  }

  get length(): number {
    return this.#length;
  }

  *[Symbol.iterator](): Generator<M> {
    for (let position = 0; position < this.#length; position++) yield this[position]!;
  }

  override forward(): never {
    throw new UserError("model", "ModuleList has no forward(): call its modules one by one.");
  }
}

/** Layers one after the other. */
export class Sequential extends Module {
  readonly #layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    this.#layers = layers;
    layers.forEach((layer, position) => Object.assign(this, { [position]: layer }));
  }

  override forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }
}
