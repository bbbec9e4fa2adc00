// %y : f32[1,4,4,4] from in0 = %x
@group(0) @binding(0) var<storage, read> in0: array<f32, 256>;
@group(0) @binding(1) var<storage, read_write> out1: array<f32, 64>;
var<private> heddle_infinity_bits: u32 = 0x7f800000u;

@compute @workgroup_size(64)
fn k00_max_pool_f32(
  @builtin(local_invocation_index) heddle_local_index: u32,
) {
  let heddle_local = i32(heddle_local_index);
  let item_0 = heddle_local;
  let o_1 = (item_0 / 16i);
  let o_2 = ((item_0 / 4i) % 4i);
  let o_3 = (item_0 % 4i);
  var total_4 = (-bitcast<f32>(heddle_infinity_bits));
  let first_5 = ((o_2 * 2i) + i32(-1));
  let first_6 = ((o_3 * 2i) + i32(-1));
  for (var k_7 = 0i; k_7 < 3i; k_7 += 1i) {
    let at_8 = (first_5 + k_7);
    if ((at_8 >= 0i)) {
      for (var k_9 = 0i; k_9 < 3i; k_9 += 1i) {
        let at_10 = (first_6 + k_9);
        if ((at_10 >= 0i)) {
          let x_11 = in0[(((o_1 * 64i) + (at_8 * 8i)) + at_10)];
          total_4 = select(x_11, total_4, ((total_4 >= x_11) | (!(total_4 == total_4))));
        }
      }
    }
  }
  out1[(((o_1 * 16i) + (o_2 * 4i)) + o_3)] = total_4;
}
