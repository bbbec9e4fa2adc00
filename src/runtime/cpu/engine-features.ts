/** What the JavaScript engine's WebAssembly can do, found out by offering it small modules. */
import { CodeBuffer, encodeModule } from "../../codegen/wasm/encoder.ts";
import { isNode } from "../import-at-runtime.ts";

export interface EngineFeatures {
  /** 128-bit SIMD, which every kernel needs. */
  readonly simd: boolean;
  /** Relaxed SIMD: a multiply-add in one instruction, and worth using. */
  readonly fusedMultiplyAdd: boolean;
}

export function findEngineFeatures(): EngineFeatures {
  const relaxed = accepts((code) => code.v128(zero).v128(zero).v128(zero).op("f32x4.relaxed_madd"));
  return {
    simd: accepts((code) => code.v128(zero)),
    fusedMultiplyAdd: relaxed && !copiesOperands(),
  };
}

/**
 * V8 before version 13 is slower with it: ResNet-18 on one thread took 39 ms without and 52 with on V8 11.3
 * (Node 20), 37 and 35 on Chromium 156. Perhaps it copies each factor that is needed again.
 */
function copiesOperands(): boolean {
  return v8Before(13);
}

/** Whether this is Node with a V8 older than that; browsers do not say. */
export function v8Before(majorVersion: number): boolean {
  return isNode() && Number.parseInt(process.versions.v8) < majorVersion;
}

const zero = [0, 0, 0, 0];

/** Whether code that leaves one vector is valid. */
function accepts(write: (code: CodeBuffer) => void): boolean {
  if (typeof WebAssembly === "undefined") return false;
  const body = new CodeBuffer();
  write(body);
  body.set(0);
  const module = encodeModule({ parameterCount: 0, locals: ["v128"], body });
  return WebAssembly.validate(new Uint8Array(module));
}
