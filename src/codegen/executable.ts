/**
 * An executable: pure data that an executor on any device can run. Kernel sources, the buffers they need,
 * and two ordered lists of commands: `prepare` (weights and state to packed weights; once per parameter
 * version) and `run` (every time). It knows nothing of the graph it came from.
 */
import type { KernelLanguage } from "./target.ts";

export type DeviceDtype = "f32" | "i32" | "u32" | "bool";
/** What callers may hold beside those; executors convert at the border. */
export type DeclaredDtype = DeviceDtype | "f16" | "f64" | "i8" | "u8" | "i16" | "u16" | "i64" | "u64";

/** One compiled unit: a kernel in a device's language. */
export interface KernelSource {
  /** Entry point. */
  readonly name: string;
  readonly language: KernelLanguage;
  /** What a person reads; for WebAssembly the kernel IR as text. */
  readonly source: string;
  /** The module itself where the language is binary (WebAssembly). */
  readonly binary?: Uint8Array;
  /** In binding order; sizes in bytes. */
  readonly buffers: readonly {
    readonly access: "read" | "write" | "read_write";
    readonly sizeBytes: number;
  }[];
  readonly groups: number;
  readonly groupSize: number;
}

/**
 * A buffer of the plan.
 * - `input`, `output`: what `run` takes and gives. - `parameter`, `state`: of the module.
 * - `constant`: data in the executable. - `prepared`: written by `prepare`, read by `run`.
 * - `slot`: scratch whose lifetime the planner shares among values.
 */
export interface PlanBuffer {
  readonly kind: "input" | "output" | "parameter" | "state" | "constant" | "prepared" | "slot";
  /** Its name in the interface; for slots and prepared buffers a generated one. */
  readonly name: string;
  readonly sizeBytes: number;
}

export type PlanCommand =
  /** Runs `kernels[kernel]` with `buffers[i]` bound at `i`. */
  | {
      readonly kind: "dispatch";
      readonly kernel: number;
      readonly buffers: readonly number[];
      readonly comment: string;
    }
  | {
      readonly kind: "copy";
      readonly source: number;
      readonly destination: number;
      readonly sizeBytes: number;
    };

export interface InterfaceTensor {
  readonly name: string;
  readonly dtype: DeviceDtype;
  /** What a model declares an input or output to be, where that is not `dtype`. */
  readonly declared?: DeclaredDtype;
  readonly shape: readonly number[];
  /** Index into `buffers`. */
  readonly buffer: number;
  /** Elements of an input that are positions in something; executors check them on the host. */
  readonly indices?: readonly IndexCheck[];
}

/** Where in the network something is, for messages. */
interface Place {
  readonly modulePath?: string;
  readonly callSite?: string;
}

/** Elements that must lie in a range, or be the one value beside it. */
export interface IndexCheck {
  /** Flat positions; all elements where it is left out. */
  readonly elements?: Int32Array;
  readonly range: { readonly least: number; readonly greatest: number; readonly except?: number | undefined };
  /** What reads them, for messages. */
  readonly what: string;
  readonly origin: Place;
}

/** Two elements of a result that is not the caller's, a least and a greatest value: outside the range, the run has failed. */
export interface ResultCheck {
  readonly range: { readonly least: number; readonly greatest: number };
  readonly code: "index" | "overflow";
  readonly what: string;
  readonly remedy: string;
  readonly origin: Place;
}

export interface Executable {
  readonly name: string;
  readonly language: KernelLanguage;
  readonly kernels: readonly KernelSource[];
  readonly buffers: readonly PlanBuffer[];
  readonly prepare: readonly PlanCommand[];
  readonly run: readonly PlanCommand[];
  readonly inputs: readonly InterfaceTensor[];
  readonly outputs: readonly InterfaceTensor[];
  /** What the last of `outputs` says, two elements a check; callers do not get it. */
  readonly checks?: readonly ResultCheck[];
  readonly parameters: readonly InterfaceTensor[];
  /** `updated`: some command of `run` writes it. */
  readonly state: readonly (InterfaceTensor & { readonly updated: boolean })[];
  readonly constants: readonly { readonly buffer: number; readonly data: Uint8Array }[];
}
