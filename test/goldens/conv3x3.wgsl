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
    let w_4 = min((o_2 * 4i), 2i);
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
          let valid_16 = (((w_4 + k_12) + 2i) < 6i);
          for (var c_17 = 0i; c_17 < 8i; c_17 += 1i) {
            let w_18 = in1[(w_at_14 + (c_17 * 16i)) >> 2u];
            let x_19 = in0[select(0i, (x_at_13 + c_17), valid_15)];
            let x_20 = select(0.0f, x_19, valid_15);
            acc_0_0_5 = fma(vec4<f32>(x_20), w_18, acc_0_0_5);
            let x_21 = in0[((x_at_13 + c_17) + 8i)];
            acc_1_0_6 = fma(vec4<f32>(x_21), w_18, acc_1_0_6);
            let x_22 = in0[((x_at_13 + c_17) + 16i)];
            acc_2_0_7 = fma(vec4<f32>(x_22), w_18, acc_2_0_7);
            let x_23 = in0[select(0i, ((x_at_13 + c_17) + 24i), valid_16)];
            let x_24 = select(0.0f, x_23, valid_16);
            acc_3_0_8 = fma(vec4<f32>(x_24), w_18, acc_3_0_8);
          }
        }
      }
    }
    let channel_25 = (o_3 * 4i);
    let x_26 = in2[channel_25 >> 2u];
    let v_27 = (acc_0_0_5 + x_26);
    let v_28 = select(v_27, vec4<f32>(0.0f), (v_27 < vec4<f32>(0.0f)));
    out3[((channel_25 + (o_1 * 96i)) + (w_4 * 16i)) >> 2u] = v_28;
    let v_29 = (acc_1_0_6 + x_26);
    let v_30 = select(v_29, vec4<f32>(0.0f), (v_29 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 96i)) + (w_4 * 16i)) + 16i) >> 2u] = v_30;
    let v_31 = (acc_2_0_7 + x_26);
    let v_32 = select(v_31, vec4<f32>(0.0f), (v_31 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 96i)) + (w_4 * 16i)) + 32i) >> 2u] = v_32;
    let v_33 = (acc_3_0_8 + x_26);
    let v_34 = select(v_33, vec4<f32>(0.0f), (v_33 < vec4<f32>(0.0f)));
    out3[(((channel_25 + (o_1 * 96i)) + (w_4 * 16i)) + 48i) >> 2u] = v_34;
  }
}
