/** What the compiler did, as data; as text it is what a person wants to read. */
import type { Executable } from "./codegen/executable.ts";
import type { PassRecord } from "./passes/pass.ts";

/** A kernel that runs. */
export interface KernelReport {
  /** Says what it does. */
  readonly name: string;
  /** What it is written in. */
  readonly language: string;
  /** Dispatches in one run. */
  readonly launches: number;
}

/** What tuning records did. */
export interface TuningReport {
  /** Decisions that came up, those among them that records settled, and those of them where rules choose otherwise. */
  readonly decisions: number;
  /** Decisions that records settled. */
  readonly used: number;
  /** Of those, where rules choose otherwise. */
  readonly overruled: number;
  /** Measured for this program. */
  readonly measured: number;
  /** Whose records were there, too, and not used: other devices, other drivers, other versions of Heddle. */
  readonly otherDevices: readonly string[];
  /** What went wrong without harm. */
  readonly note?: string | undefined;
}

/** A report as data. */
export interface ReportData {
  /** The class of the network, or the name in the file. */
  readonly model: string;
  /** What layers in training mode do, with where they are; empty where none makes a difference. */
  readonly training: readonly string[];
  /** Where it runs. */
  readonly device: {
    /** Which of the three kinds. */
    readonly kind: string;
    /** As the driver names it. */
    readonly name: string;
    /** Why this device. */
    readonly reason: string;
  };
  /** The passes, in order, with what each decided. */
  readonly passes: readonly PassRecord[];
  /** The kernels that run. */
  readonly kernels: readonly KernelReport[];
  /** Dispatches of one run, and of one preparation of weights. */
  readonly launches: number;
  /** Dispatches that prepare weights, when they changed. */
  readonly prepareLaunches: number;
  /** What it takes on the device. */
  readonly memory: {
    /** Activation slots, and the largest sum of activations that live at once. */
    readonly activationBytes: number;
    /** The largest sum of activations that live at once. */
    readonly liveBytes: number;
    /** Parameters and state. */
    readonly parameterBytes: number;
    /** Weights in the order that kernels read. */
    readonly preparedBytes: number;
    /** Inputs. */
    readonly inputBytes: number;
    /** Results. */
    readonly outputBytes: number;
  };
  /** How long each stage took. */
  readonly compileMs: {
    /** Running `forward` on symbols, or reading the model's nodes. */
    readonly trace: number;
    /** The passes, in order, with what each decided. */
    readonly passes: number;
    /** Writing kernels. */
    readonly lower: number;
    /** Compiling kernels and preparing weights on the device. */
    readonly load: number;
    /** Measuring, where that was asked for. */
    readonly tune?: number;
  };
  /** What tuning records were there for; undefined without any. */
  readonly tuning?: TuningReport | undefined;
}

/** What the compiler did and why; `String(report)` is meant for people. */
export class Report {
  /** @param data All of it. */
  constructor(readonly data: ReportData) {}

  /** The passes, in order, with what each decided. */
  get passes(): readonly PassRecord[] {
    return this.data.passes;
  }
  /** The kernels that run. */
  get kernels(): readonly KernelReport[] {
    return this.data.kernels;
  }

  /** All of it, for `JSON.stringify`. */
  toJSON(): ReportData {
    return this.data;
  }

  /** What a person wants to read. */
  toString(): string {
    const { model, training, device, passes, kernels, launches, prepareLaunches, memory, compileMs, tuning } =
      this.data;
    const total = Object.values(compileMs).reduce((sum, ms) => sum + ms, 0);
    return [
      `${model} on ${device.name} (${device.kind}: ${device.reason})`,
      ...(training.length === 0
        ? []
        : [`in training mode: ${training.join("; ")}. For inference call eval() before compiling.`]),
      "",
      "Passes",
      ...passes.filter((pass) => pass.patches.length > 0).flatMap(describePass),
      "",
      `Kernels: ${kernels.length} for ${launches} launches a run${prepareLaunches > 0 ? `, and ${prepareLaunches} launches to prepare weights` : ""}`,
      ...kernels.map((kernel) => `  ${kernel.name}${kernel.launches > 1 ? `  × ${kernel.launches}` : ""}`),
      "",
      `Memory: activations ${formatBytes(memory.activationBytes)} (live at once: ${formatBytes(memory.liveBytes)}), ` +
        `parameters ${formatBytes(memory.parameterBytes)}, prepared weights ${formatBytes(memory.preparedBytes)}`,
      ...(tuning === undefined ? [] : describeTuning(tuning)),
      `Compiled in ${total.toFixed(0)} ms: ${Object.entries(compileMs)
        .map(([stage, ms]) => `${stage} ${ms.toFixed(0)}`)
        .join(", ")}`,
    ].join("\n");
  }
}

function describeTuning(tuning: TuningReport): string[] {
  const { decisions, used, overruled, measured, otherDevices, note } = tuning;
  const details = [`${overruled} other than the rules choose`, `${measured} measured now`];
  return [
    `Tuning: ${used} of ${decisions} decisions by records (${details.join(", ")})`,
    ...otherDevices.map((device) => `  not used: records of ${device}`),
    ...(note === undefined ? [] : [`  ${note}`]),
  ];
}

/** Decisions of one kind are counted, not listed. */
function describePass(pass: PassRecord): string[] {
  const head = `  ${pass.name}: ${pass.summary}; ${pass.nodesBefore} → ${pass.nodesAfter} operations`;
  const groups = new Map<string, string[]>();
  for (const decision of pass.decisions) {
    const at = decision.indexOf(": ");
    const [place, what] = at < 0 ? ["", decision] : [decision.slice(0, at), decision.slice(at + 2)];
    groups.set(what, [...(groups.get(what) ?? []), place]);
  }
  const lines = [...groups].map(([what, places]) => {
    const named = places.filter((place) => place !== "" && !place.startsWith("%"));
    const shown =
      named.length > 4 ? `${named.slice(0, 3).join(", ")} and ${named.length - 3} more` : named.join(", ");
    return `      ${places.length > 1 ? `${places.length} × ` : ""}${what}${shown === "" ? "" : ` (${shown})`}`;
  });
  return [head, ...lines.slice(0, 8), ...(lines.length > 8 ? [`      … ${lines.length - 8} more`] : [])];
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** Bytes of all buffers of a kind. */
export function bytesOf(executable: Executable, ...kinds: readonly string[]): number {
  return executable.buffers
    .filter((buffer) => kinds.includes(buffer.kind))
    .reduce((sum, buffer) => sum + buffer.sizeBytes, 0);
}
