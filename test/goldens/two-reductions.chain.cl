// %m : f32[3,1] from in0 = %x
// %d : f32[3,40] from in0 = %x, in1 = %m
// %s : f32[3,40] from in0 = %d
// %y : f32[3,40] from in0 = %s
#if defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define PAUSE() __asm__ volatile("pause")
void futex(__global int* at, long what, long value) {
  long result = 202;
  __asm__ volatile("mov %4, %%r10; syscall" : "+a"(result) : "D"(at), "S"(what), "d"(value), "r"(0L) : "rcx", "r10", "r11", "memory");
}
#define SLEEP(at, seen) futex(at, 128, seen)
#define WAKE(at) futex(at, 129, 0x7fffffff)
#else
#define PAUSE()
#define SLEEP(at, seen)
#define WAKE(at)
#endif
void wait_for(__global int* done, int all, __global int* asleep) {
  for (int turn = 0;; turn++) {
    const int seen = *(volatile __global int*)done;
    if (seen >= all) break;
    if (turn < 1000) {
      PAUSE();
    } else {
      atomic_inc(asleep);
      SLEEP(done, seen);
      atomic_dec(asleep);
    }
  }
  atomic_add(done, 0);
}
void finish(__global int* done, int all, __global int* asleep) {
  if (atomic_inc(done) == all - 1 && atomic_add(asleep, 0) > 0) WAKE(done);
}
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void k00_mean_f32_k01_k02_k03(
  __global const float* restrict b0,
  __global float* restrict b1,
  __global float* restrict b2,
  __global float* restrict b3,
  __global int* restrict counters
) {
  const int worker = atomic_inc(counters + 0);
  // k00_mean_f32
  {
    __global const float* const in0 = b0;
    __global float* const out1 = b1;
    for (int turn = 0; turn < 8; turn++) {
      const int share = (worker + turn) % 8;
      const int start = share * 3 / 8;
      const int end = (share + 1) * 3 / 8;
      for (;;) {
        const int group = start + atomic_inc(counters + (48 + share * 16));
        if (group >= end) break;
        const int item_0 = group;
        float16 total_1 = ((float16)(0.0f));
        float16 part_2 = ((float16)(0.0f));
        for (int r_3 = 0; r_3 < 2; r_3 += 1) {
          const float16 x_4 = vload16(0, in0 + ((item_0 * 40) + (r_3 * 16)));
          part_2 = (part_2 + x_4);
        }
        total_1 = (total_1 + part_2);
        const float t_5 = ((((total_1.s0 + total_1.s8) + (total_1.s4 + total_1.sc)) + ((total_1.s2 + total_1.sa) + (total_1.s6 + total_1.se))) + (((total_1.s1 + total_1.s9) + (total_1.s5 + total_1.sd)) + ((total_1.s3 + total_1.sb) + (total_1.s7 + total_1.sf))));
        float total_6 = 0.0f;
        float part_7 = 0.0f;
        for (int r_8 = 0; r_8 < 8; r_8 += 1) {
          const float x_9 = in0[(((item_0 * 40) + r_8) + 32)];
          part_7 = (part_7 + x_9);
        }
        total_6 = (total_6 + part_7);
        const float t_10 = (t_5 + total_6);
        const float t_11 = (t_10 / 40.0f);
        out1[item_0] = t_11;
        finish(counters + 176, 3, counters + 32);
      }
    }
    wait_for(counters + 176, 3, counters + 32);
  }
  // k01_sub_f32
  {
    __global const float* const in0 = b0;
    __global const float* const in1 = b1;
    __global float* const out2 = b2;
    for (int turn = 0; turn < 8; turn++) {
      const int share = (worker + turn) % 8;
      const int start = share * 3 / 8;
      const int end = (share + 1) * 3 / 8;
      for (;;) {
        const int group = start + atomic_inc(counters + (192 + share * 16));
        if (group >= end) break;
        const int item_0 = group;
        for (int v_1 = 0; v_1 < 3; v_1 += 1) {
          const int p_2 = (v_1 * 16);
          if ((p_2 < 32)) {
            const float16 x_3 = vload16(0, in0 + ((item_0 * 40) + p_2));
            const float x_4 = in1[item_0];
            const float16 v_5 = (x_3 - ((float16)(x_4)));
            vstore16(v_5, 0, out2 + ((item_0 * 40) + p_2));
          } else {
            for (int tail_6 = 0; tail_6 < 8; tail_6 += 1) {
              const int p_7 = (tail_6 + 32);
              const float x_8 = in0[((item_0 * 40) + p_7)];
              const float x_9 = in1[item_0];
              const float v_10 = (x_8 - x_9);
              out2[((item_0 * 40) + p_7)] = v_10;
            }
          }
        }
        finish(counters + 320, 3, counters + 32);
      }
    }
    wait_for(counters + 320, 3, counters + 32);
  }
  // k02_softmax_f32
  {
    __global const float* const in0 = b2;
    __global float* const out1 = b1;
    for (int turn = 0; turn < 8; turn++) {
      const int share = (worker + turn) % 8;
      const int start = share * 3 / 8;
      const int end = (share + 1) * 3 / 8;
      for (;;) {
        const int group = start + atomic_inc(counters + (336 + share * 16));
        if (group >= end) break;
        const int item_0 = group;
        float16 total_1 = ((float16)((-INFINITY)));
        float rest_2 = (-INFINITY);
        for (int r_3 = 0; r_3 < 2; r_3 += 1) {
          const float16 x_4 = vload16(0, in0 + ((item_0 * 40) + (r_3 * 16)));
          total_1 = select(x_4, total_1, ((total_1 >= x_4) | (total_1 != total_1)));
        }
        for (int tail_5 = 0; tail_5 < 8; tail_5 += 1) {
          const float x_6 = in0[(((item_0 * 40) + tail_5) + 32)];
          rest_2 = (((rest_2 >= x_6) | (rest_2 != rest_2)) ? rest_2 : x_6);
        }
        const float max_of = total_1.s0;
        const float max_of_1 = total_1.s8;
        const float max_of_2 = total_1.s4;
        const float max_of_3 = total_1.sc;
        const float max_of_4 = (((max_of >= max_of_1) | (max_of != max_of)) ? max_of : max_of_1);
        const float max_of_5 = (((max_of_2 >= max_of_3) | (max_of_2 != max_of_2)) ? max_of_2 : max_of_3);
        const float max_of_6 = total_1.s2;
        const float max_of_7 = total_1.sa;
        const float max_of_8 = total_1.s6;
        const float max_of_9 = total_1.se;
        const float max_of_10 = (((max_of_6 >= max_of_7) | (max_of_6 != max_of_6)) ? max_of_6 : max_of_7);
        const float max_of_11 = (((max_of_8 >= max_of_9) | (max_of_8 != max_of_8)) ? max_of_8 : max_of_9);
        const float max_of_12 = (((max_of_4 >= max_of_5) | (max_of_4 != max_of_4)) ? max_of_4 : max_of_5);
        const float max_of_13 = (((max_of_10 >= max_of_11) | (max_of_10 != max_of_10)) ? max_of_10 : max_of_11);
        const float max_of_14 = total_1.s1;
        const float max_of_15 = total_1.s9;
        const float max_of_16 = total_1.s5;
        const float max_of_17 = total_1.sd;
        const float max_of_18 = (((max_of_14 >= max_of_15) | (max_of_14 != max_of_14)) ? max_of_14 : max_of_15);
        const float max_of_19 = (((max_of_16 >= max_of_17) | (max_of_16 != max_of_16)) ? max_of_16 : max_of_17);
        const float max_of_20 = total_1.s3;
        const float max_of_21 = total_1.sb;
        const float max_of_22 = total_1.s7;
        const float max_of_23 = total_1.sf;
        const float max_of_24 = (((max_of_20 >= max_of_21) | (max_of_20 != max_of_20)) ? max_of_20 : max_of_21);
        const float max_of_25 = (((max_of_22 >= max_of_23) | (max_of_22 != max_of_22)) ? max_of_22 : max_of_23);
        const float max_of_26 = (((max_of_18 >= max_of_19) | (max_of_18 != max_of_18)) ? max_of_18 : max_of_19);
        const float max_of_27 = (((max_of_24 >= max_of_25) | (max_of_24 != max_of_24)) ? max_of_24 : max_of_25);
        const float max_of_28 = (((max_of_12 >= max_of_13) | (max_of_12 != max_of_12)) ? max_of_12 : max_of_13);
        const float max_of_29 = (((max_of_26 >= max_of_27) | (max_of_26 != max_of_26)) ? max_of_26 : max_of_27);
        const float max_of_30 = (((max_of_28 >= max_of_29) | (max_of_28 != max_of_28)) ? max_of_28 : max_of_29);
        const float t_7 = (((max_of_30 >= rest_2) | (max_of_30 != max_of_30)) ? max_of_30 : rest_2);
        float16 total_8 = ((float16)(0.0f));
        float rest_9 = 0.0f;
        for (int r_10 = 0; r_10 < 2; r_10 += 1) {
          const float16 x_11 = vload16(0, in0 + ((item_0 * 40) + (r_10 * 16)));
          total_8 = (total_8 + exp((x_11 - ((float16)(t_7)))));
        }
        for (int tail_12 = 0; tail_12 < 8; tail_12 += 1) {
          const float x_13 = in0[(((item_0 * 40) + tail_12) + 32)];
          rest_9 = (rest_9 + exp((x_13 - t_7)));
        }
        const float t_14 = (((((total_8.s0 + total_8.s8) + (total_8.s4 + total_8.sc)) + ((total_8.s2 + total_8.sa) + (total_8.s6 + total_8.se))) + (((total_8.s1 + total_8.s9) + (total_8.s5 + total_8.sd)) + ((total_8.s3 + total_8.sb) + (total_8.s7 + total_8.sf)))) + rest_9);
        const float t_15 = (1.0f / t_14);
        for (int r_16 = 0; r_16 < 2; r_16 += 1) {
          const float16 x_17 = vload16(0, in0 + ((item_0 * 40) + (r_16 * 16)));
          const float16 t_18 = (exp((x_17 - ((float16)(t_7)))) * ((float16)(t_15)));
          vstore16(t_18, 0, out1 + ((item_0 * 40) + (r_16 * 16)));
        }
        for (int tail_19 = 0; tail_19 < 8; tail_19 += 1) {
          const float x_20 = in0[(((item_0 * 40) + tail_19) + 32)];
          const float t_21 = (exp((x_20 - t_7)) * t_15);
          out1[(((item_0 * 40) + tail_19) + 32)] = t_21;
        }
        finish(counters + 464, 3, counters + 32);
      }
    }
    wait_for(counters + 464, 3, counters + 32);
  }
  // k03_softmax_f32
  {
    __global const float* const in0 = b1;
    __global float* const out1 = b3;
    for (int turn = 0; turn < 8; turn++) {
      const int share = (worker + turn) % 8;
      const int start = share * 5 / 8;
      const int end = (share + 1) * 5 / 8;
      for (;;) {
        const int group = start + atomic_inc(counters + (480 + share * 16));
        if (group >= end) break;
        const int item_0 = group;
        const int o_1 = (item_0 * 8);
        float8 total_2 = ((float8)((-INFINITY)));
        for (int r_3 = 0; r_3 < 3; r_3 += 1) {
          const float8 x_4 = vload8(0, in0 + ((r_3 * 40) + o_1));
          total_2 = select(x_4, total_2, ((total_2 >= x_4) | (total_2 != total_2)));
        }
        float8 total_5 = ((float8)(0.0f));
        for (int r_6 = 0; r_6 < 3; r_6 += 1) {
          const float8 x_7 = vload8(0, in0 + ((r_6 * 40) + o_1));
          total_5 = (total_5 + exp((x_7 - total_2)));
        }
        const float8 t_8 = (((float8)(1.0f)) / total_5);
        for (int r_9 = 0; r_9 < 3; r_9 += 1) {
          const float8 x_10 = vload8(0, in0 + ((r_9 * 40) + o_1));
          const float8 t_11 = (exp((x_10 - total_2)) * t_8);
          vstore8(t_11, 0, out1 + ((r_9 * 40) + o_1));
        }
        finish(counters + 608, 5, counters + 32);
      }
    }
  }
  if (atomic_inc(counters + 16) == 7)
    for (int i = 0; i < 624; i += 16) atomic_xchg(counters + i, 0);
}
