/** Attributes as text, so that a graph in a test shows only those that matter there. */

interface ConvSizes {
  readonly kernel: readonly number[];
  readonly padding?: number;
  readonly groups?: number;
  readonly packing?: string;
}

export function conv({ kernel, padding = 0, groups = 1, packing = "null" }: ConvSizes): string {
  const ones = kernel.map(() => 1).join();
  const pads = kernel.map(() => `[${padding},${padding}]`).join();
  return `{stride=[${ones}], padding=[${pads}], dilation=[${ones}], kernel=[${kernel.join()}], groups=${groups}, packing=${packing}}`;
}

interface TrainingSizes {
  readonly momentum?: number | null;
  readonly tracked?: boolean;
  readonly meanOffset?: boolean;
  readonly lowering?: string;
  readonly reason?: string;
}

export function training({
  momentum = 0.1,
  tracked = true,
  meanOffset = false,
  lowering = "undecided",
  reason = "",
}: TrainingSizes = {}): string {
  return `{eps=1e-5, momentum=${momentum}, tracked=${tracked}, meanOffset=${meanOffset}, singleValue="error", lowering="${lowering}", reason=${JSON.stringify(reason)}}`;
}
