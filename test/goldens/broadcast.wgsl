// %y : f32[3,5,6] from in0 = %x, in1 = %c, in2 = %s
@group(0) @binding(0) var<storage, read> in0: array<f32, 90>;
@group(0) @binding(1) var<storage, read> in1: array<f32, 5>;
@group(0) @binding(2) var<storage, read> in2: array<f32, 1>;
@group(0) @binding(3) var<storage, read_write> out3: array<f32, 90>;

@compute @workgroup_size(64)
fn k00_mul_add_tanh_f32(
  @builtin(workgroup_id) heddle_group_id: vec3<u32>,
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_group = i32(heddle_group_id.x);
  let heddle_local = i32(heddle_local_index);
  let item_0 = ((heddle_group * 64i) + heddle_local);
  if ((item_0 < 90i)) {
    let o_1 = (item_0 / 30i);
    let o_2 = ((item_0 / 6i) % 5i);
    let first_3 = (item_0 % 6i);
    let x_4 = in0[(((o_1 * 30i) + (o_2 * 6i)) + first_3)];
    let x_5 = in1[o_2];
    let v_6 = (x_4 * x_5);
    let x_7 = in2[0i];
    let v_8 = (v_6 + x_7);
    let tanh_a = abs(v_8);
    let tanh_z = (v_8 * v_8);
    let x = (tanh_a + tanh_a);
    let exp_x = select(x, 89.0f, (x > 89.0f));
    let exp_x_1 = select(exp_x, (-104.0f), (exp_x < (-104.0f)));
    let exp_n = floor(fma(exp_x_1, 1.442695f, 0.5f));
    let exp_r = fma(exp_n, 0.00021219444f, fma(exp_n, (-0.6933594f), exp_x_1));
    let exp_r2 = (exp_r * exp_r);
    let exp_p = (fma(fma(fma(fma(fma(fma(0.00019875691f, exp_r, 0.0013981999f), exp_r, 0.008333452f), exp_r, 0.041665796f), exp_r, 0.16666666f), exp_r, 0.5f), exp_r2, exp_r) + 1.0f);
    let exponent = i32(exp_n);
    let exponent_half = (exponent >> u32(1i));
    let v_9 = select(bitcast<f32>((bitcast<i32>((1.0f - (2.0f / (((exp_p * bitcast<f32>(((exponent_half + 127i) << u32(23i)))) * bitcast<f32>((((exponent - exponent_half) + 127i) << u32(23i)))) + 1.0f)))) | (bitcast<i32>(v_8) & i32(-2147483648)))), fma((fma(fma(fma(fma((-0.0057049887f), tanh_z, 0.020639088f), tanh_z, (-0.053739715f)), tanh_z, 0.13331442f), tanh_z, (-0.3333328f)) * tanh_z), v_8, v_8), (tanh_a < 0.625f));
    out3[(((o_1 * 30i) + (o_2 * 6i)) + first_3)] = v_9;
  }
}
