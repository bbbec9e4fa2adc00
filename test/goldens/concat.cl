// %y : f32[2,8] from in0 = %a, in1 = %b
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k00_concat_f32(
  __global const float* restrict in0,
  __global const float* restrict in1,
  __global float* restrict out2
) {
  const int item_0 = ((int)get_group_id(0));
  const float x_1 = in0[(item_0 * 3)];
  const float x_2 = in0[((item_0 * 3) + 1)];
  const float x_3 = in0[((item_0 * 3) + 2)];
  const float x_4 = in1[(item_0 * 5)];
  const float x_5 = in1[((item_0 * 5) + 1)];
  const float x_6 = in1[((item_0 * 5) + 2)];
  const float x_7 = in1[((item_0 * 5) + 3)];
  const float x_8 = in1[((item_0 * 5) + 4)];
  const float8 v_9 = ((float8)(x_1, x_2, x_3, x_4, x_5, x_6, x_7, x_8));
  vstore8(v_9, 0, out2 + (item_0 * 8));
}
