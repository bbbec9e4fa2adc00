/** What is asked: which systems are compared, and the largest ratio, overhead or time that is accepted. */
import type { HeddleSystem, SystemName } from "./systems/system.ts";

export type Bar =
  /** Time of `system` ÷ time of `reference`. */
  | {
      readonly kind: "ratio";
      readonly network: string;
      readonly system: HeddleSystem;
      readonly reference: SystemName;
      readonly most: number;
    }
  /** Share of a run's time in which no kernel runs. */
  | {
      readonly kind: "overhead";
      readonly network: string;
      readonly system: HeddleSystem;
      readonly most: number;
    }
  /** Milliseconds from host memory to host memory. */
  | {
      readonly kind: "time";
      readonly network: string;
      readonly system: HeddleSystem;
      readonly most: number;
    };

export const bars: readonly Bar[] = [
  { kind: "time", network: "digits", system: "opencl", most: 0.5 },
  { kind: "time", network: "digits", system: "cpu", most: 0.5 },
  { kind: "ratio", network: "resnet18", system: "opencl", reference: "ort", most: 0.7 },
  { kind: "ratio", network: "resnet18", system: "cpu", reference: "ort-web", most: 0.6 },
  { kind: "ratio", network: "resnet18", system: "webgpu", reference: "ort-webgpu", most: 0.25 },
  { kind: "ratio", network: "resnet50", system: "opencl", reference: "ort", most: 0.95 },
  { kind: "ratio", network: "mobilenet_v2", system: "opencl", reference: "ort", most: 1.1 },
  { kind: "ratio", network: "mobilenet_v2", system: "cpu", reference: "ort-web", most: 0.8 },
  { kind: "overhead", network: "mobilenet_v2", system: "opencl", most: 0.15 },
  { kind: "ratio", network: "vgg11", system: "opencl", reference: "ort", most: 0.75 },
  { kind: "ratio", network: "vit_b_16", system: "opencl", reference: "ort", most: 1.1 },
];
