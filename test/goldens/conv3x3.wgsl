// %r : f32[1,16,6,6]{0,2,3,1} from in0 = %i, in1 = %r14, in2 = %r5
@group(0) @binding(0) var<storage, read> in0: array<f32, 288>;
@group(0) @binding(1) var<storage, read> in1: array<vec4<f32>, 288>;
@group(0) @binding(2) var<storage, read> in2: array<vec4<f32>, 4>;
@group(0) @binding(3) var<storage, read_write> out3: array<vec4<f32>, 144>;

@compute @workgroup_size(64)
fn k01_conv3x3_add_relu_f32(
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_local = i32(heddle_local_index);
  let item_0 = heddle_local;
  if ((item_0 < 48i)) {
    let o_1 = (item_0 / 8i);
    let o_2 = ((item_0 / 4i) % 2i);
    let o_3 = (item_0 % 4i);
    let w_4 = (o_2 * 4i);
    if ((o_2 < 1i)) {
      var acc_0_0_5 = vec4<f32>(0.0f);
      var acc_1_0_6 = vec4<f32>(0.0f);
      var acc_2_0_7 = vec4<f32>(0.0f);
      var acc_3_0_8 = vec4<f32>(0.0f);
      for (var k_9 = 0i; k_9 < 3i; k_9 += 1i) {
        let at_10 = ((o_1 + k_9) + i32(-1));
        if (((at_10 >= 0i) & (at_10 < 6i))) {
          let row_11 = (at_10 * 48i);
          for (var k_12 = 0i; k_12 < 3i; k_12 += 1i) {
            let x_at_13 = ((row_11 + ((w_4 + k_12) * 8i)) + i32(-8));
            let w_at_14 = ((((k_9 * 3i) + k_12) * 128i) + (o_3 * 4i));
            let valid_15 = (((w_4 + k_12) + i32(-1)) >= 0i);
            for (var c_16 = 0i; c_16 < 8i; c_16 += 1i) {
              let w_17 = in1[(w_at_14 + (c_16 * 16i)) >> 2u];
              let x_18 = in0[select(0i, (x_at_13 + c_16), valid_15)];
              let x_19 = select(0.0f, x_18, valid_15);
              acc_0_0_5 = fma(vec4<f32>(x_19), w_17, acc_0_0_5);
              let x_20 = in0[((x_at_13 + c_16) + 8i)];
              acc_1_0_6 = fma(vec4<f32>(x_20), w_17, acc_1_0_6);
              let x_21 = in0[((x_at_13 + c_16) + 16i)];
              acc_2_0_7 = fma(vec4<f32>(x_21), w_17, acc_2_0_7);
              let x_22 = in0[((x_at_13 + c_16) + 24i)];
              acc_3_0_8 = fma(vec4<f32>(x_22), w_17, acc_3_0_8);
            }
          }
        }
      }
      let channel_23 = (o_3 * 4i);
      let x_24 = in2[channel_23 >> 2u];
      let v_25 = (acc_0_0_5 + x_24);
      let v_26 = select(v_25, vec4<f32>(0.0f), (v_25 < vec4<f32>(0.0f)));
      out3[((channel_23 + (o_1 * 96i)) + (w_4 * 16i)) >> 2u] = v_26;
      let x_27 = in2[channel_23 >> 2u];
      let v_28 = (acc_1_0_6 + x_27);
      let v_29 = select(v_28, vec4<f32>(0.0f), (v_28 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 96i)) + (w_4 * 16i)) + 16i) >> 2u] = v_29;
      let x_30 = in2[channel_23 >> 2u];
      let v_31 = (acc_2_0_7 + x_30);
      let v_32 = select(v_31, vec4<f32>(0.0f), (v_31 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 96i)) + (w_4 * 16i)) + 32i) >> 2u] = v_32;
      let x_33 = in2[channel_23 >> 2u];
      let v_34 = (acc_3_0_8 + x_33);
      let v_35 = select(v_34, vec4<f32>(0.0f), (v_34 < vec4<f32>(0.0f)));
      out3[(((channel_23 + (o_1 * 96i)) + (w_4 * 16i)) + 48i) >> 2u] = v_35;
    } else {
      var acc_0_0_36 = vec4<f32>(0.0f);
      var acc_1_0_37 = vec4<f32>(0.0f);
      for (var k_38 = 0i; k_38 < 3i; k_38 += 1i) {
        let at_39 = ((o_1 + k_38) + i32(-1));
        if (((at_39 >= 0i) & (at_39 < 6i))) {
          let row_40 = (at_39 * 48i);
          for (var k_41 = 0i; k_41 < 3i; k_41 += 1i) {
            let x_at_42 = ((row_40 + (k_41 * 8i)) + 24i);
            let w_at_43 = ((((k_38 * 3i) + k_41) * 128i) + (o_3 * 4i));
            let valid_44 = ((k_41 + 4i) < 6i);
            for (var c_45 = 0i; c_45 < 8i; c_45 += 1i) {
              let w_46 = in1[(w_at_43 + (c_45 * 16i)) >> 2u];
              let x_47 = in0[(x_at_42 + c_45)];
              acc_0_0_36 = fma(vec4<f32>(x_47), w_46, acc_0_0_36);
              let x_48 = in0[select(0i, ((x_at_42 + c_45) + 8i), valid_44)];
              let x_49 = select(0.0f, x_48, valid_44);
              acc_1_0_37 = fma(vec4<f32>(x_49), w_46, acc_1_0_37);
            }
          }
        }
      }
      let channel_50 = (o_3 * 4i);
      let x_51 = in2[channel_50 >> 2u];
      let v_52 = (acc_0_0_36 + x_51);
      let v_53 = select(v_52, vec4<f32>(0.0f), (v_52 < vec4<f32>(0.0f)));
      out3[((channel_50 + (o_1 * 96i)) + 64i) >> 2u] = v_53;
      let x_54 = in2[channel_50 >> 2u];
      let v_55 = (acc_1_0_37 + x_54);
      let v_56 = select(v_55, vec4<f32>(0.0f), (v_55 < vec4<f32>(0.0f)));
      out3[((channel_50 + (o_1 * 96i)) + 80i) >> 2u] = v_56;
    }
  }
}
