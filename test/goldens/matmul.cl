// %y : f32[5,10] from in0 = %a, in1 = %b
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k00_matmul_f32(
  __global const float* restrict in0,
  __global const float* restrict in1,
  __global float* restrict out2
) {
  const int item_0 = ((int)get_group_id(0));
  if ((item_0 < 1)) {
    const int column_1 = (item_0 * 8);
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
  } else {
    const int tail_14 = (item_0 + (-1));
    const int column_15 = (tail_14 + 8);
    float acc_0_0_16 = 0.0f;
    float acc_1_0_17 = 0.0f;
    float acc_2_0_18 = 0.0f;
    float acc_3_0_19 = 0.0f;
    float acc_4_0_20 = 0.0f;
    for (int c_21 = 0; c_21 < 7; c_21 += 1) {
      const float b_22 = in1[(column_15 + (c_21 * 10))];
      const float a_23 = in0[c_21];
      acc_0_0_16 = fma(a_23, b_22, acc_0_0_16);
      const float a_24 = in0[(c_21 + 7)];
      acc_1_0_17 = fma(a_24, b_22, acc_1_0_17);
      const float a_25 = in0[(c_21 + 14)];
      acc_2_0_18 = fma(a_25, b_22, acc_2_0_18);
      const float a_26 = in0[(c_21 + 21)];
      acc_3_0_19 = fma(a_26, b_22, acc_3_0_19);
      const float a_27 = in0[(c_21 + 28)];
      acc_4_0_20 = fma(a_27, b_22, acc_4_0_20);
    }
    out2[column_15] = acc_0_0_16;
    out2[(column_15 + 10)] = acc_1_0_17;
    out2[(column_15 + 20)] = acc_2_0_18;
    out2[(column_15 + 30)] = acc_3_0_19;
    out2[(column_15 + 40)] = acc_4_0_20;
  }
}
