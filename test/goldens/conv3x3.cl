// %r : f32[1,16,6,6]{0,2,3,1} from in0 = %i, in1 = %r14, in2 = %r5
#ifdef __clang__
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#else
#define PREFETCH(address)
#define PREFETCH_TO_WRITE(address)
#endif
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k01_conv3x3_add_relu_f32(
  __global const float* restrict in0,
  __global const float* restrict in1,
  __global const float* restrict in2,
  __global float* restrict out3
) {
  const int item_0 = ((int)get_group_id(0));
  float16 acc_0_0_1 = ((float16)(0.0f));
  float16 acc_1_0_2 = ((float16)(0.0f));
  float16 acc_2_0_3 = ((float16)(0.0f));
  float16 acc_3_0_4 = ((float16)(0.0f));
  float16 acc_4_0_5 = ((float16)(0.0f));
  float16 acc_5_0_6 = ((float16)(0.0f));
  for (int k_7 = 0; k_7 < 3; k_7 += 1) {
    const int at_8 = ((item_0 + k_7) + (-1));
    if (((at_8 >= 0) & (at_8 < 6))) {
      const int row_9 = (at_8 * 48);
      for (int k_10 = 0; k_10 < 3; k_10 += 1) {
        const int x_at_11 = ((row_9 + (k_10 * 8)) + (-8));
        const int w_at_12 = (((k_7 * 3) + k_10) * 128);
        if ((((k_10 + (-1)) >= 0) & ((k_10 + 4) < 6))) {
          for (int c_13 = 0; c_13 < 8; c_13 += 1) {
            PREFETCH(in1 + ((w_at_12 + (c_13 * 16)) + 128));
            const float16 w_14 = vload16(0, in1 + (w_at_12 + (c_13 * 16)));
            const float x_15 = in0[(x_at_11 + c_13)];
            acc_0_0_1 = fma(((float16)(x_15)), w_14, acc_0_0_1);
            const float x_16 = in0[((x_at_11 + c_13) + 8)];
            acc_1_0_2 = fma(((float16)(x_16)), w_14, acc_1_0_2);
            const float x_17 = in0[((x_at_11 + c_13) + 16)];
            acc_2_0_3 = fma(((float16)(x_17)), w_14, acc_2_0_3);
            const float x_18 = in0[((x_at_11 + c_13) + 24)];
            acc_3_0_4 = fma(((float16)(x_18)), w_14, acc_3_0_4);
            const float x_19 = in0[((x_at_11 + c_13) + 32)];
            acc_4_0_5 = fma(((float16)(x_19)), w_14, acc_4_0_5);
            const float x_20 = in0[((x_at_11 + c_13) + 40)];
            acc_5_0_6 = fma(((float16)(x_20)), w_14, acc_5_0_6);
          }
        } else {
          const int valid_21 = ((k_10 + (-1)) >= 0);
          const int valid_22 = ((k_10 + 4) < 6);
          for (int c_23 = 0; c_23 < 8; c_23 += 1) {
            PREFETCH(in1 + ((w_at_12 + (c_23 * 16)) + 128));
            const float16 w_24 = vload16(0, in1 + (w_at_12 + (c_23 * 16)));
            const float x_25 = in0[(valid_21 ? (x_at_11 + c_23) : 0)];
            const float x_26 = (valid_21 ? x_25 : 0.0f);
            acc_0_0_1 = fma(((float16)(x_26)), w_24, acc_0_0_1);
            const float x_27 = in0[((x_at_11 + c_23) + 8)];
            acc_1_0_2 = fma(((float16)(x_27)), w_24, acc_1_0_2);
            const float x_28 = in0[((x_at_11 + c_23) + 16)];
            acc_2_0_3 = fma(((float16)(x_28)), w_24, acc_2_0_3);
            const float x_29 = in0[((x_at_11 + c_23) + 24)];
            acc_3_0_4 = fma(((float16)(x_29)), w_24, acc_3_0_4);
            const float x_30 = in0[((x_at_11 + c_23) + 32)];
            acc_4_0_5 = fma(((float16)(x_30)), w_24, acc_4_0_5);
            const float x_31 = in0[(valid_22 ? ((x_at_11 + c_23) + 40) : 0)];
            const float x_32 = (valid_22 ? x_31 : 0.0f);
            acc_5_0_6 = fma(((float16)(x_32)), w_24, acc_5_0_6);
          }
        }
      }
    }
  }
  const float16 x_33 = vload16(0, in2 + 0);
  const float16 v_34 = (acc_0_0_1 + x_33);
  const float16 v_35 = select(v_34, ((float16)(0.0f)), (v_34 < ((float16)(0.0f))));
  vstore16(v_35, 0, out3 + (item_0 * 96));
  const float16 v_36 = (acc_1_0_2 + x_33);
  const float16 v_37 = select(v_36, ((float16)(0.0f)), (v_36 < ((float16)(0.0f))));
  vstore16(v_37, 0, out3 + ((item_0 * 96) + 16));
  const float16 v_38 = (acc_2_0_3 + x_33);
  const float16 v_39 = select(v_38, ((float16)(0.0f)), (v_38 < ((float16)(0.0f))));
  vstore16(v_39, 0, out3 + ((item_0 * 96) + 32));
  const float16 v_40 = (acc_3_0_4 + x_33);
  const float16 v_41 = select(v_40, ((float16)(0.0f)), (v_40 < ((float16)(0.0f))));
  vstore16(v_41, 0, out3 + ((item_0 * 96) + 48));
  const float16 v_42 = (acc_4_0_5 + x_33);
  const float16 v_43 = select(v_42, ((float16)(0.0f)), (v_42 < ((float16)(0.0f))));
  vstore16(v_43, 0, out3 + ((item_0 * 96) + 64));
  const float16 v_44 = (acc_5_0_6 + x_33);
  const float16 v_45 = select(v_44, ((float16)(0.0f)), (v_44 < ((float16)(0.0f))));
  vstore16(v_45, 0, out3 + ((item_0 * 96) + 80));
}
