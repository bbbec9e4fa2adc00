/**
 * Tensors a module owns: parameters and buffers. The object is the identity that compiled programs hold on
 * to; `version` tells them that its value was replaced.
 */
import { UserError } from "../errors.ts";
import type { HostDType } from "./dtype.ts";
import { checkElementCount, convertArray, isHostTensor, type HostTensor } from "./host-tensor.ts";
import { formatShape, sameShape } from "./shape.ts";

abstract class StoredTensor {
  #value: HostTensor;
  #version = 0;

  constructor(value: HostTensor) {
    if (!isHostTensor(value)) {
      throw new UserError(
        "argument",
        `${new.target.name}: expected a host tensor such as tensor(data, shape), got ${typeof value}.`,
      );
    }
    this.#value = value;
  }

  get shape(): readonly number[] {
    return this.#value.shape;
  }

  get dtype(): HostDType {
    return this.#value.dtype;
  }

  /** What the host knows; training on a device does not change it until it is read back and loaded. */
  get value(): HostTensor {
    return this.#value;
  }

  /** Grows with every `assign`. */
  get version(): number {
    return this.#version;
  }

  /** Replaces the value; shapes must agree, numbers are converted to this tensor's dtype and copied. */
  assign(value: HostTensor): void {
    if (!sameShape(value.shape, this.shape)) {
      throw new UserError(
        "shape",
        `assign: value has shape ${formatShape(value.shape)}, expected ${formatShape(this.shape)}.`,
      );
    }
    checkElementCount(value, "assign");
    const converted = convertArray(value.data, this.dtype);
    this.#value = {
      dtype: this.dtype,
      shape: this.shape,
      data: converted === value.data ? converted.slice() : converted,
    };
    this.#version++;
  }
}

/** A tensor that training changes. */
export class Parameter extends StoredTensor {
  readonly role = "parameter";
}

/** A tensor that belongs to a module's state without being trained, such as a running mean. */
export class StateBuffer extends StoredTensor {
  readonly role = "state";
  /** Whether it is part of the state dict. */
  readonly persistent: boolean;

  constructor(value: HostTensor, options: { readonly persistent?: boolean } = {}) {
    super(value);
    this.persistent = options.persistent ?? true;
  }
}

export type Stored = Parameter | StateBuffer;
