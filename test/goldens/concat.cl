// %y : f32[2,8] from in0 = %a, in1 = %b
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k00_concat_f32(
  __global const float* restrict in0,
  __global const float* restrict in1,
  __global float* restrict out2
) {
  const int item_0 = ((int)get_group_id(0));
  const float x_1 = in0[((item_0 * 3) + min(max(0, 0), 2))];
  const float x_2 = in1[((item_0 * 5) + min(max((-3), 0), 4))];
  const float x_3 = in0[((item_0 * 3) + min(max(1, 0), 2))];
  const float x_4 = in1[((item_0 * 5) + min(max((-2), 0), 4))];
  const float x_5 = in0[((item_0 * 3) + min(max(2, 0), 2))];
  const float x_6 = in1[((item_0 * 5) + min(max((-1), 0), 4))];
  const float x_7 = in0[((item_0 * 3) + min(max(3, 0), 2))];
  const float x_8 = in1[((item_0 * 5) + min(max(0, 0), 4))];
  const float x_9 = in0[((item_0 * 3) + min(max(4, 0), 2))];
  const float x_10 = in1[((item_0 * 5) + min(max(1, 0), 4))];
  const float x_11 = in0[((item_0 * 3) + min(max(5, 0), 2))];
  const float x_12 = in1[((item_0 * 5) + min(max(2, 0), 4))];
  const float x_13 = in0[((item_0 * 3) + min(max(6, 0), 2))];
  const float x_14 = in1[((item_0 * 5) + min(max(3, 0), 4))];
  const float x_15 = in0[((item_0 * 3) + min(max(7, 0), 2))];
  const float x_16 = in1[((item_0 * 5) + min(max(4, 0), 4))];
  const float8 v_17 = ((float8)(x_1, x_3, x_5, x_8, x_10, x_12, x_14, x_16));
  vstore8(v_17, 0, out2 + (item_0 * 8));
}
