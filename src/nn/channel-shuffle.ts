/** Channels of different groups next to each other (Zhang et al., 2018). */
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** `x [N, C, …]`: of `groups` groups of channels the first ones, then the second ones, and so on. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [batch, channels] = x.shape;
  if (x.rank < 3 || !Number.isInteger(groups) || groups < 1 || channels! % groups !== 0) {
    x.trace.fail(
      "shape",
      `channelShuffle: input ${formatShape(x.shape)}, expected [N, C, …] with channels that divide into ${groups} groups.`,
    );
  }
  return x
    .reshape([batch!, groups, channels! / groups, -1])
    .transpose(1, 2)
    .reshape(x.shape);
}

/** Deals channels out among groups in turn. */
export class ChannelShuffle extends Module {
  constructor(
    /** Into how many groups channels are divided. */
    readonly groups: number,
  ) {
    super();
  }
  protected override settings(): string {
    return `groups=${this.groups}`;
  }
  override forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }
}
