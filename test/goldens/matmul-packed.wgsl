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
    let row_4 = (o_1 * 4i);
    if ((o_1 < 1i)) {
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
        let heddle_at_x_18 = column_3;
        let x_18 = vec4<f32>(in2[heddle_at_x_18], in2[heddle_at_x_18 + 1i], in2[heddle_at_x_18 + 2i], in2[heddle_at_x_18 + 3i]);
        let v_19 = (acc_1_0_6 + x_18);
        {
          let heddle_at = (((row_4 * 10i) + column_3) + 10i);
          let heddle_value = v_19;
          out3[heddle_at] = heddle_value.x;
          out3[heddle_at + 1i] = heddle_value.y;
          out3[heddle_at + 2i] = heddle_value.z;
          out3[heddle_at + 3i] = heddle_value.w;
        }
        let heddle_at_x_20 = column_3;
        let x_20 = vec4<f32>(in2[heddle_at_x_20], in2[heddle_at_x_20 + 1i], in2[heddle_at_x_20 + 2i], in2[heddle_at_x_20 + 3i]);
        let v_21 = (acc_2_0_7 + x_20);
        {
          let heddle_at = (((row_4 * 10i) + column_3) + 20i);
          let heddle_value = v_21;
          out3[heddle_at] = heddle_value.x;
          out3[heddle_at + 1i] = heddle_value.y;
          out3[heddle_at + 2i] = heddle_value.z;
          out3[heddle_at + 3i] = heddle_value.w;
        }
        let heddle_at_x_22 = column_3;
        let x_22 = vec4<f32>(in2[heddle_at_x_22], in2[heddle_at_x_22 + 1i], in2[heddle_at_x_22 + 2i], in2[heddle_at_x_22 + 3i]);
        let v_23 = (acc_3_0_8 + x_22);
        {
          let heddle_at = (((row_4 * 10i) + column_3) + 30i);
          let heddle_value = v_23;
          out3[heddle_at] = heddle_value.x;
          out3[heddle_at + 1i] = heddle_value.y;
          out3[heddle_at + 2i] = heddle_value.z;
          out3[heddle_at + 3i] = heddle_value.w;
        }
      } else {
        let t_24 = acc_0_0_5.x;
        let x_25 = in2[column_3];
        let v_26 = (t_24 + x_25);
        out3[((row_4 * 10i) + column_3)] = v_26;
        let t_27 = acc_0_0_5.y;
        let x_28 = in2[(column_3 + 1i)];
        let v_29 = (t_27 + x_28);
        out3[(((row_4 * 10i) + column_3) + 1i)] = v_29;
        let t_30 = acc_1_0_6.x;
        let x_31 = in2[column_3];
        let v_32 = (t_30 + x_31);
        out3[(((row_4 * 10i) + column_3) + 10i)] = v_32;
        let t_33 = acc_1_0_6.y;
        let x_34 = in2[(column_3 + 1i)];
        let v_35 = (t_33 + x_34);
        out3[(((row_4 * 10i) + column_3) + 11i)] = v_35;
        let t_36 = acc_2_0_7.x;
        let x_37 = in2[column_3];
        let v_38 = (t_36 + x_37);
        out3[(((row_4 * 10i) + column_3) + 20i)] = v_38;
        let t_39 = acc_2_0_7.y;
        let x_40 = in2[(column_3 + 1i)];
        let v_41 = (t_39 + x_40);
        out3[(((row_4 * 10i) + column_3) + 21i)] = v_41;
        let t_42 = acc_3_0_8.x;
        let x_43 = in2[column_3];
        let v_44 = (t_42 + x_43);
        out3[(((row_4 * 10i) + column_3) + 30i)] = v_44;
        let t_45 = acc_3_0_8.y;
        let x_46 = in2[(column_3 + 1i)];
        let v_47 = (t_45 + x_46);
        out3[(((row_4 * 10i) + column_3) + 31i)] = v_47;
      }
    } else {
      var acc_0_0_48 = vec4<f32>(0.0f);
      for (var c_49 = 0i; c_49 < 7i; c_49 += 1i) {
        let b_50 = in1[(column_3 + (c_49 * 12i)) >> 2u];
        let a_51 = in0[(c_49 + 28i)];
        acc_0_0_48 = fma(vec4<f32>(a_51), b_50, acc_0_0_48);
      }
      if ((column_3 < 8i)) {
        let heddle_at_x_52 = column_3;
        let x_52 = vec4<f32>(in2[heddle_at_x_52], in2[heddle_at_x_52 + 1i], in2[heddle_at_x_52 + 2i], in2[heddle_at_x_52 + 3i]);
        let v_53 = (acc_0_0_48 + x_52);
        {
          let heddle_at = (column_3 + 40i);
          let heddle_value = v_53;
          out3[heddle_at] = heddle_value.x;
          out3[heddle_at + 1i] = heddle_value.y;
          out3[heddle_at + 2i] = heddle_value.z;
          out3[heddle_at + 3i] = heddle_value.w;
        }
      } else {
        let t_54 = acc_0_0_48.x;
        let x_55 = in2[column_3];
        let v_56 = (t_54 + x_55);
        out3[(column_3 + 40i)] = v_56;
        let t_57 = acc_0_0_48.y;
        let x_58 = in2[(column_3 + 1i)];
        let v_59 = (t_57 + x_58);
        out3[(column_3 + 41i)] = v_59;
      }
    }
  }
}
