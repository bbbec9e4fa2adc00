// %y : f32[5,10] from in0 = %a, in1 = %b
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k00_matmul_f32(
  __global const float* restrict in0,
  __global const float* restrict in1,
  __global float* restrict out2
) {
  const int item_0 = ((int)get_group_id(0));
  const int column_1 = min((item_0 * 8), 2);
  float8 acc_0_0_2 = ((float8)(0.0f));
  float8 acc_1_0_3 = ((float8)(0.0f));
  float8 acc_2_0_4 = ((float8)(0.0f));
  float8 acc_3_0_5 = ((float8)(0.0f));
  float8 acc_4_0_6 = ((float8)(0.0f));
  for (int c_7 = 0; c_7 < 7; c_7 += 1) {
    const float8 b_8 = vload8(0, in1 + (column_1 + (c_7 * 10)));
    const float a_9 = in0[c_7];
    acc_0_0_2 = fma(((float8)(a_9)), b_8, acc_0_0_2);
    const float a_10 = in0[(c_7 + 7)];
    acc_1_0_3 = fma(((float8)(a_10)), b_8, acc_1_0_3);
    const float a_11 = in0[(c_7 + 14)];
    acc_2_0_4 = fma(((float8)(a_11)), b_8, acc_2_0_4);
    const float a_12 = in0[(c_7 + 21)];
    acc_3_0_5 = fma(((float8)(a_12)), b_8, acc_3_0_5);
    const float a_13 = in0[(c_7 + 28)];
    acc_4_0_6 = fma(((float8)(a_13)), b_8, acc_4_0_6);
  }
  vstore8(acc_0_0_2, 0, out2 + column_1);
  vstore8(acc_1_0_3, 0, out2 + (column_1 + 10));
  vstore8(acc_2_0_4, 0, out2 + (column_1 + 20));
  vstore8(acc_3_0_5, 0, out2 + (column_1 + 30));
  vstore8(acc_4_0_6, 0, out2 + (column_1 + 40));
}
