// %y : f32[5,10] from in0 = %x, in1 = %r2, in2 = %b
@group(0) @binding(0) var<storage, read> in0: array<f32, 35>;
@group(0) @binding(1) var<storage, read> in1: array<vec4<f32>, 21>;
@group(0) @binding(2) var<storage, read> in2: array<f32, 10>;
@group(0) @binding(3) var<storage, read_write> out3: array<f32, 50>;

@compute @workgroup_size(64)
fn k00_matmul_add_f32(
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_local = i32(heddle_local_index);
  let item_0 = heddle_local;
  if ((item_0 < 6i)) {
    let o_1 = (item_0 / 3i);
    let o_2 = (item_0 % 3i);
    let column_3 = (o_2 * 4i);
    let row_4 = min((o_1 * 4i), 1i);
    var acc_0_0_5 = vec4<f32>(0.0f);
    var acc_1_0_6 = vec4<f32>(0.0f);
    var acc_2_0_7 = vec4<f32>(0.0f);
    var acc_3_0_8 = vec4<f32>(0.0f);
    let row_at_9 = (row_4 * 7i);
    for (var c_10 = 0i; c_10 < 7i; c_10 += 1i) {
      let b_11 = in1[(column_3 + (c_10 * 12i)) >> 2u];
      let a_12 = in0[(row_at_9 + c_10)];
      acc_0_0_5 = fma(vec4<f32>(a_12), b_11, acc_0_0_5);
      let a_13 = in0[((row_at_9 + c_10) + 7i)];
      acc_1_0_6 = fma(vec4<f32>(a_13), b_11, acc_1_0_6);
      let a_14 = in0[((row_at_9 + c_10) + 14i)];
      acc_2_0_7 = fma(vec4<f32>(a_14), b_11, acc_2_0_7);
      let a_15 = in0[((row_at_9 + c_10) + 21i)];
      acc_3_0_8 = fma(vec4<f32>(a_15), b_11, acc_3_0_8);
    }
    if ((column_3 < 8i)) {
      let heddle_at_x_16 = column_3;
      let x_16 = vec4<f32>(in2[heddle_at_x_16], in2[heddle_at_x_16 + 1i], in2[heddle_at_x_16 + 2i], in2[heddle_at_x_16 + 3i]);
      let v_17 = (acc_0_0_5 + x_16);
      {
        let heddle_at = ((row_4 * 10i) + column_3);
        let heddle_value = v_17;
        out3[heddle_at] = heddle_value.x;
        out3[heddle_at + 1i] = heddle_value.y;
        out3[heddle_at + 2i] = heddle_value.z;
        out3[heddle_at + 3i] = heddle_value.w;
      }
      let v_18 = (acc_1_0_6 + x_16);
      {
        let heddle_at = (((row_4 * 10i) + column_3) + 10i);
        let heddle_value = v_18;
        out3[heddle_at] = heddle_value.x;
        out3[heddle_at + 1i] = heddle_value.y;
        out3[heddle_at + 2i] = heddle_value.z;
        out3[heddle_at + 3i] = heddle_value.w;
      }
      let v_19 = (acc_2_0_7 + x_16);
      {
        let heddle_at = (((row_4 * 10i) + column_3) + 20i);
        let heddle_value = v_19;
        out3[heddle_at] = heddle_value.x;
        out3[heddle_at + 1i] = heddle_value.y;
        out3[heddle_at + 2i] = heddle_value.z;
        out3[heddle_at + 3i] = heddle_value.w;
      }
      let v_20 = (acc_3_0_8 + x_16);
      {
        let heddle_at = (((row_4 * 10i) + column_3) + 30i);
        let heddle_value = v_20;
        out3[heddle_at] = heddle_value.x;
        out3[heddle_at + 1i] = heddle_value.y;
        out3[heddle_at + 2i] = heddle_value.z;
        out3[heddle_at + 3i] = heddle_value.w;
      }
    } else {
      let t_21 = acc_0_0_5.x;
      let x_22 = in2[column_3];
      let v_23 = (t_21 + x_22);
      out3[((row_4 * 10i) + column_3)] = v_23;
      let t_24 = acc_0_0_5.y;
      let x_25 = in2[(column_3 + 1i)];
      let v_26 = (t_24 + x_25);
      out3[(((row_4 * 10i) + column_3) + 1i)] = v_26;
      let t_27 = acc_1_0_6.x;
      let v_28 = (t_27 + x_22);
      out3[(((row_4 * 10i) + column_3) + 10i)] = v_28;
      let t_29 = acc_1_0_6.y;
      let v_30 = (t_29 + x_25);
      out3[(((row_4 * 10i) + column_3) + 11i)] = v_30;
      let t_31 = acc_2_0_7.x;
      let v_32 = (t_31 + x_22);
      out3[(((row_4 * 10i) + column_3) + 20i)] = v_32;
      let t_33 = acc_2_0_7.y;
      let v_34 = (t_33 + x_25);
      out3[(((row_4 * 10i) + column_3) + 21i)] = v_34;
      let t_35 = acc_3_0_8.x;
      let v_36 = (t_35 + x_22);
      out3[(((row_4 * 10i) + column_3) + 30i)] = v_36;
      let t_37 = acc_3_0_8.y;
      let v_38 = (t_37 + x_25);
      out3[(((row_4 * 10i) + column_3) + 31i)] = v_38;
    }
  }
}
