// %m1, %v1, %n1, %r : f32[6], f32[6], i32[], f32[4,6,5,7] from in0 = %x, in1 = %g, in2 = %b, in3 = %m, in4 = %v, in5 = %n
@group(0) @binding(0) var<storage, read> in0: array<f32, 840>;
@group(0) @binding(1) var<storage, read> in1: array<f32, 6>;
@group(0) @binding(2) var<storage, read> in2: array<f32, 6>;
@group(0) @binding(3) var<storage, read_write> in3: array<f32, 6>;
@group(0) @binding(4) var<storage, read_write> in4: array<f32, 6>;
@group(0) @binding(5) var<storage, read_write> in5: array<i32, 1>;
@group(0) @binding(6) var<storage, read_write> out6: array<f32, 840>;
var<workgroup> scratch: array<f32, 256>;

// a / b, correctly rounded.
fn heddle_divide(a: f32, b: f32) -> f32 {
  let div_x = bitcast<f32>(((bitcast<i32>(a) & i32(-2139095041)) | 1065353216i));
  let div_y = bitcast<f32>(((bitcast<i32>(b) & i32(-2139095041)) | 1065353216i));
  let div_y_head = bitcast<f32>((bitcast<i32>(div_y) & i32(-4096)));
  let div_y_tail = (div_y - div_y_head);
  let div_q = (div_x / div_y);
  let div_q_head = bitcast<f32>((bitcast<i32>(div_q) & i32(-4096)));
  let div_q_tail = (div_q - div_q_head);
  let div_rest = (div_x - (div_q_head * div_y_head));
  let div_rest_1 = (div_rest - (div_q_head * div_y_tail));
  let div_rest_2 = (div_rest_1 - (div_q_tail * div_y_head));
  let div_rest_3 = (div_rest_2 - (div_q_tail * div_y_tail));
  let div_q_1 = (div_q + (div_rest_3 / div_y));
  let div_q_head_1 = bitcast<f32>((bitcast<i32>(div_q_1) & i32(-4096)));
  let div_q_tail_1 = (div_q_1 - div_q_head_1);
  let div_rest_4 = (div_x - (div_q_head_1 * div_y_head));
  let div_rest_5 = (div_rest_4 - (div_q_head_1 * div_y_tail));
  let div_rest_6 = (div_rest_5 - (div_q_tail_1 * div_y_head));
  let div_rest_7 = (div_rest_6 - (div_q_tail_1 * div_y_tail));
  let div_bits = bitcast<i32>(div_q_1);
  let div_neighbour = bitcast<f32>(select((div_bits + 1i), (div_bits - 1i), (((div_rest_7 * div_y) * div_q_1) < 0.0f)));
  let div_nearest = select(div_q_1, div_neighbour, (abs(div_rest_7) > (abs(((div_neighbour - div_q_1) * 0.5f)) * abs(div_y))));
  let div_exponent = (((bitcast<i32>(a) >> u32(23i)) & 255i) - ((bitcast<i32>(b) >> u32(23i)) & 255i));
  let div_exponent_1 = select(div_exponent, i32(-252), (div_exponent < i32(-252)));
  let div_exponent_half = (div_exponent_1 >> u32(1i));
  let div_plain = (((((bitcast<i32>(a) >> u32(23i)) & 255i) == 0i) | (((bitcast<i32>(a) >> u32(23i)) & 255i) >= 255i)) | ((((bitcast<i32>(b) >> u32(23i)) & 255i) == 0i) | (((bitcast<i32>(b) >> u32(23i)) & 255i) >= 255i)));
  return select(((div_nearest * bitcast<f32>(((div_exponent_half + 127i) << u32(23i)))) * bitcast<f32>((((div_exponent_1 - div_exponent_half) + 127i) << u32(23i)))), (a / b), div_plain);
}

@compute @workgroup_size(256)
fn k00_batch_norm_training_relu_f32(
  @builtin(workgroup_id) heddle_group_id: vec3<u32>,
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_group = i32(heddle_group_id.x);
  let heddle_local = i32(heddle_local_index);
  let first_row_0 = heddle_local;
  let channel_1 = heddle_group;
  let x_2 = in0[(channel_1 * 35i)];
  var part_3 = 0.0f;
  if ((first_row_0 < 140i)) {
    let o_4 = (first_row_0 / 35i);
    let o_5 = ((first_row_0 / 7i) % 5i);
    let o_6 = (first_row_0 % 7i);
    let x_7 = in0[((((o_4 * 210i) + (channel_1 * 35i)) + (o_5 * 7i)) + o_6)];
    part_3 = (part_3 + (x_7 - x_2));
  }
  scratch[heddle_local] = part_3;
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 128i)) {
    let x_8 = scratch[(heddle_local + 128i)];
    let x_9 = scratch[heddle_local];
    scratch[heddle_local] = (x_9 + x_8);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 64i)) {
    let x_10 = scratch[(heddle_local + 64i)];
    let x_11 = scratch[heddle_local];
    scratch[heddle_local] = (x_11 + x_10);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 32i)) {
    let x_12 = scratch[(heddle_local + 32i)];
    let x_13 = scratch[heddle_local];
    scratch[heddle_local] = (x_13 + x_12);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 16i)) {
    let x_14 = scratch[(heddle_local + 16i)];
    let x_15 = scratch[heddle_local];
    scratch[heddle_local] = (x_15 + x_14);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 8i)) {
    let x_16 = scratch[(heddle_local + 8i)];
    let x_17 = scratch[heddle_local];
    scratch[heddle_local] = (x_17 + x_16);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 4i)) {
    let x_18 = scratch[(heddle_local + 4i)];
    let x_19 = scratch[heddle_local];
    scratch[heddle_local] = (x_19 + x_18);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 2i)) {
    let x_20 = scratch[(heddle_local + 2i)];
    let x_21 = scratch[heddle_local];
    scratch[heddle_local] = (x_21 + x_20);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 1i)) {
    let x_22 = scratch[(heddle_local + 1i)];
    let x_23 = scratch[heddle_local];
    scratch[heddle_local] = (x_23 + x_22);
  }
  workgroupBarrier();
  storageBarrier();
  let total_24 = scratch[0i];
  workgroupBarrier();
  storageBarrier();
  let delta_25 = heddle_divide(total_24, 140.0f);
  var part_26 = 0.0f;
  if ((first_row_0 < 140i)) {
    let o_27 = (first_row_0 / 35i);
    let o_28 = ((first_row_0 / 7i) % 5i);
    let o_29 = (first_row_0 % 7i);
    let x_30 = in0[((((o_27 * 210i) + (channel_1 * 35i)) + (o_28 * 7i)) + o_29)];
    let t_31 = ((x_30 - x_2) - delta_25);
    part_26 = (part_26 + (t_31 * t_31));
  }
  scratch[heddle_local] = part_26;
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 128i)) {
    let x_32 = scratch[(heddle_local + 128i)];
    let x_33 = scratch[heddle_local];
    scratch[heddle_local] = (x_33 + x_32);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 64i)) {
    let x_34 = scratch[(heddle_local + 64i)];
    let x_35 = scratch[heddle_local];
    scratch[heddle_local] = (x_35 + x_34);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 32i)) {
    let x_36 = scratch[(heddle_local + 32i)];
    let x_37 = scratch[heddle_local];
    scratch[heddle_local] = (x_37 + x_36);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 16i)) {
    let x_38 = scratch[(heddle_local + 16i)];
    let x_39 = scratch[heddle_local];
    scratch[heddle_local] = (x_39 + x_38);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 8i)) {
    let x_40 = scratch[(heddle_local + 8i)];
    let x_41 = scratch[heddle_local];
    scratch[heddle_local] = (x_41 + x_40);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 4i)) {
    let x_42 = scratch[(heddle_local + 4i)];
    let x_43 = scratch[heddle_local];
    scratch[heddle_local] = (x_43 + x_42);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 2i)) {
    let x_44 = scratch[(heddle_local + 2i)];
    let x_45 = scratch[heddle_local];
    scratch[heddle_local] = (x_45 + x_44);
  }
  workgroupBarrier();
  storageBarrier();
  if ((first_row_0 < 1i)) {
    let x_46 = scratch[(heddle_local + 1i)];
    let x_47 = scratch[heddle_local];
    scratch[heddle_local] = (x_47 + x_46);
  }
  workgroupBarrier();
  storageBarrier();
  let total_48 = scratch[0i];
  workgroupBarrier();
  storageBarrier();
  let variance_49 = heddle_divide(total_48, 140.0f);
  let inverse_std_50 = (1.0f / sqrt((variance_49 + 0.00001f)));
  let x_51 = in1[channel_1];
  let x_52 = in2[channel_1];
  let scale_53 = (inverse_std_50 * x_51);
  if ((first_row_0 < 140i)) {
    let o_54 = (first_row_0 / 35i);
    let o_55 = ((first_row_0 / 7i) % 5i);
    let o_56 = (first_row_0 % 7i);
    let x_57 = in0[((((o_54 * 210i) + (channel_1 * 35i)) + (o_55 * 7i)) + o_56)];
    let y_58 = ((((x_57 - x_2) - delta_25) * scale_53) + x_52);
    let v_59 = select(y_58, 0.0f, (y_58 < 0.0f));
    out6[((((o_54 * 210i) + (channel_1 * 35i)) + (o_55 * 7i)) + o_56)] = v_59;
  }
  if ((first_row_0 == 0i)) {
    let mean_60 = (x_2 + delta_25);
    let x_61 = in5[0i];
    let seen_62 = (x_61 + 1i);
    let x_63 = in3[channel_1];
    in3[channel_1] = ((0.9f * x_63) + (0.1f * mean_60));
    let x_64 = in4[channel_1];
    in4[channel_1] = ((0.9f * x_64) + (0.1f * (variance_49 * 1.0071943f)));
    if ((channel_1 == 0i)) {
      in5[0i] = seen_62;
    }
  }
}
