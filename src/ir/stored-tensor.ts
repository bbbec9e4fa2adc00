/**
 * Tensors a module owns: parameters and buffers. The object is the identity that compiled programs hold on
 * to; `version` tells them that its value was replaced.
 */
import { UserError } from "../errors.ts";
import { MemoryBytes, type ByteSource } from "./byte-source.ts";
import type { HostDType } from "./dtype.ts";
import { decodeTensor, type EncodedTensor } from "./encoded-tensor.ts";
import { convertArray } from "./convert-array.ts";
import { checkHostTensor, isHostTensor, type HostTensor } from "./host-tensor.ts";
import { formatShape, sameShape } from "./shape.ts";

abstract class StoredTensor {
  #value: HostTensor | EncodedTensor;
  #version = 0;

  constructor(value: HostTensor | EncodedTensor) {
    if (!isHostTensor(value) && !isEncoded(value)) {
      throw new UserError(
        "argument",
        `${new.target.name}: expected a host tensor such as tensor(data, shape), got ${typeof value}.`,
      );
    }
    if (!isEncoded(value)) checkHostTensor(value, new.target.name);
    this.#value = value;
  }

  /** Sizes of its dimensions. */
  get shape(): readonly number[] {
    return this.#value.shape;
  }

  /** The type of its elements. */
  get dtype(): HostDType {
    return this.#value.dtype;
  }

  /**
   * What the host knows; training on a device does not change it until it is read back and loaded. A value that
   * is still a file's bytes may be decoded anew each time: weights that only devices read are never copied.
   */
  get value(): HostTensor {
    return isEncoded(this.#value) ? decodeTensor(this.#value) : this.#value;
  }

  /** The elements of `value` as bytes: a file's own where it came from one, which may be read for it only now. */
  get contents(): ByteSource {
    if (isEncoded(this.#value)) return this.#value.contents;
    const { buffer, byteOffset, byteLength } = this.#value.data;
    return new MemoryBytes(new Uint8Array(buffer, byteOffset, byteLength));
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
    checkHostTensor(value, "assign");
    const converted = convertArray(value.data, this.dtype, value.dtype);
    this.#value = {
      dtype: this.dtype,
      shape: this.shape,
      data: converted === value.data ? converted.slice() : converted,
    } as HostTensor;
    this.#version++;
  }
}

function isEncoded(value: HostTensor | EncodedTensor): value is EncodedTensor {
  return typeof value === "object" && value !== null && "contents" in value;
}

/** A tensor that training changes. */
export class Parameter extends StoredTensor {
  /** Whether it is a parameter or state that runs replace. */
  readonly role = "parameter";
}

/** A tensor that belongs to a module's state without being trained, such as a running mean. */
export class StateBuffer extends StoredTensor {
  /** Whether it is a parameter or state that runs replace. */
  readonly role = "state";
  /** Whether it is part of the state dict. */
  readonly persistent: boolean;
  /** Whether a state dict may lack it, as older ones do; it stays as it is then. */
  readonly optional: boolean;

  constructor(
    value: HostTensor,
    options: { readonly persistent?: boolean; readonly optional?: boolean } = {},
  ) {
    super(value);
    this.persistent = options.persistent ?? true;
    this.optional = options.optional ?? false;
  }
}

export type Stored = Parameter | StateBuffer;
