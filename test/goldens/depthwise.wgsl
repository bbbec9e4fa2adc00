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
    let w_4 = (o_2 * 4i);
    if ((o_2 < 1i)) {
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
            let w_17 = in1[w_at_15 >> 2u];
            let x_18 = in0[select(0i, x_at_14, valid_16) >> 2u];
            let x_19 = select(vec4<f32>(0.0f), x_18, vec4<bool>(valid_16));
            acc_0_0_5 = fma(x_19, w_17, acc_0_0_5);
            let x_20 = in0[(x_at_14 + 8i) >> 2u];
            acc_1_0_6 = fma(x_20, w_17, acc_1_0_6);
            let x_21 = in0[(x_at_14 + 16i) >> 2u];
            acc_2_0_7 = fma(x_21, w_17, acc_2_0_7);
            let x_22 = in0[(x_at_14 + 24i) >> 2u];
            acc_3_0_8 = fma(x_22, w_17, acc_3_0_8);
          }
        }
      }
      let channel_23 = (o_3 * 4i);
      let x_24 = in2[channel_23 >> 2u];
      let v_25 = (acc_0_0_5 + x_24);
      let v_26 = select(v_25, vec4<f32>(0.0f), (v_25 < vec4<f32>(0.0f)));
      out3[((channel_23 + (o_1 * 48i)) + (w_4 * 8i)) >> 2u] = v_26;
      let x_27 = in2[channel_23 >> 2u];
      let v_28 = (acc_1_0_6 + x_27);
      let v_29 = select(v_28, vec4<f32>(0.0f), (v_28 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 48i)) + (w_4 * 8i)) + 8i) >> 2u] = v_29;
      let x_30 = in2[channel_23 >> 2u];
      let v_31 = (acc_2_0_7 + x_30);
      let v_32 = select(v_31, vec4<f32>(0.0f), (v_31 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 48i)) + (w_4 * 8i)) + 16i) >> 2u] = v_32;
      let x_33 = in2[channel_23 >> 2u];
      let v_34 = (acc_3_0_8 + x_33);
      let v_35 = select(v_34, vec4<f32>(0.0f), (v_34 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 48i)) + (w_4 * 8i)) + 24i) >> 2u] = v_35;
    } else {
      var acc_0_0_36 = vec4<f32>(0.0f);
      var acc_1_0_37 = vec4<f32>(0.0f);
      let channel_38 = (o_3 * 4i);
      for (var k_39 = 0i; k_39 < 3i; k_39 += 1i) {
        let at_40 = ((o_1 + k_39) + i32(-1));
        if (((at_40 >= 0i) & (at_40 < 6i))) {
          let row_41 = (channel_38 + (at_40 * 48i));
          for (var k_42 = 0i; k_42 < 3i; k_42 += 1i) {
            let x_at_43 = ((row_41 + (k_42 * 8i)) + 24i);
            let w_at_44 = ((((k_39 * 3i) + k_42) * 8i) + (o_3 * 4i));
            let valid_45 = ((k_42 + 4i) < 6i);
            let w_46 = in1[w_at_44 >> 2u];
            let x_47 = in0[x_at_43 >> 2u];
            acc_0_0_36 = fma(x_47, w_46, acc_0_0_36);
            let x_48 = in0[select(0i, (x_at_43 + 8i), valid_45) >> 2u];
            let x_49 = select(vec4<f32>(0.0f), x_48, vec4<bool>(valid_45));
            acc_1_0_37 = fma(x_49, w_46, acc_1_0_37);
          }
        }
      }
      let channel_50 = (o_3 * 4i);
      let x_51 = in2[channel_50 >> 2u];
      let v_52 = (acc_0_0_36 + x_51);
      let v_53 = select(v_52, vec4<f32>(0.0f), (v_52 < vec4<f32>(0.0f)));
      out3[((channel_50 + (o_1 * 48i)) + 32i) >> 2u] = v_53;
      let x_54 = in2[channel_50 >> 2u];
      let v_55 = (acc_1_0_37 + x_54);
      let v_56 = select(v_55, vec4<f32>(0.0f), (v_55 < vec4<f32>(0.0f)));
      out3[((channel_50 + (o_1 * 48i)) + 40i) >> 2u] = v_56;
    }
  }
}
