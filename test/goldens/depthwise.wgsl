// %r : f32[1,8,6,6]{0,2,3,1} from in0 = %i, in1 = %r14, in2 = %r5
@group(0) @binding(0) var<storage, read> in0: array<vec4<f32>, 72>;
@group(0) @binding(1) var<storage, read> in1: array<vec4<f32>, 18>;
@group(0) @binding(2) var<storage, read> in2: array<vec4<f32>, 2>;
@group(0) @binding(3) var<storage, read_write> out3: array<vec4<f32>, 72>;

@compute @workgroup_size(64)
fn k01_conv3x3_add_relu_f32(
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_local = i32(heddle_local_index);
  let item_0 = heddle_local;
  if ((item_0 < 24i)) {
    let o_1 = (item_0 / 4i);
    let o_2 = ((item_0 / 2i) % 2i);
    let o_3 = (item_0 % 2i);
    let w_4 = min((o_2 * 4i), 2i);
    var acc_0_0_5 = vec4<f32>(0.0f);
    var acc_1_0_6 = vec4<f32>(0.0f);
    var acc_2_0_7 = vec4<f32>(0.0f);
    var acc_3_0_8 = vec4<f32>(0.0f);
    let channel_9 = (o_3 * 4i);
    for (var k_10 = 0i; k_10 < 3i; k_10 += 1i) {
      let at_11 = ((o_1 + k_10) + i32(-1));
      if (((at_11 >= 0i) & (at_11 < 6i))) {
        let row_12 = (channel_9 + (at_11 * 48i));
        for (var k_13 = 0i; k_13 < 3i; k_13 += 1i) {
          let x_at_14 = ((row_12 + ((w_4 + k_13) * 8i)) + i32(-8));
          let w_at_15 = ((((k_10 * 3i) + k_13) * 8i) + (o_3 * 4i));
          let valid_16 = (((w_4 + k_13) + i32(-1)) >= 0i);
          let valid_17 = (((w_4 + k_13) + 2i) < 6i);
          let w_18 = in1[w_at_15 >> 2u];
          let x_19 = in0[select(0i, x_at_14, valid_16) >> 2u];
          let x_20 = select(vec4<f32>(0.0f), x_19, vec4<bool>(valid_16));
          acc_0_0_5 = fma(x_20, w_18, acc_0_0_5);
          let x_21 = in0[(x_at_14 + 8i) >> 2u];
          acc_1_0_6 = fma(x_21, w_18, acc_1_0_6);
          let x_22 = in0[(x_at_14 + 16i) >> 2u];
          acc_2_0_7 = fma(x_22, w_18, acc_2_0_7);
          let x_23 = in0[select(0i, (x_at_14 + 24i), valid_17) >> 2u];
          let x_24 = select(vec4<f32>(0.0f), x_23, vec4<bool>(valid_17));
          acc_3_0_8 = fma(x_24, w_18, acc_3_0_8);
        }
      }
    }
    let channel_25 = (o_3 * 4i);
    let x_26 = in2[channel_25 >> 2u];
    let v_27 = (acc_0_0_5 + x_26);
    let v_28 = select(v_27, vec4<f32>(0.0f), (v_27 < vec4<f32>(0.0f)));
    out3[((channel_25 + (o_1 * 48i)) + (w_4 * 8i)) >> 2u] = v_28;
    let v_29 = (acc_1_0_6 + x_26);
    let v_30 = select(v_29, vec4<f32>(0.0f), (v_29 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 48i)) + (w_4 * 8i)) + 8i) >> 2u] = v_30;
    let v_31 = (acc_2_0_7 + x_26);
    let v_32 = select(v_31, vec4<f32>(0.0f), (v_31 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 48i)) + (w_4 * 8i)) + 16i) >> 2u] = v_32;
    let v_33 = (acc_3_0_8 + x_26);
    let v_34 = select(v_33, vec4<f32>(0.0f), (v_33 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 48i)) + (w_4 * 8i)) + 24i) >> 2u] = v_34;
  }
}
