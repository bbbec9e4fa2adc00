import { readFileSync } from "node:fs";
import { compile, openOnnx, readNpy } from "heddle";
const folder = "/tmp/hc-models"; const [device, rounds, ...names] = process.argv.slice(2);
const nets = await Promise.all(names.map(async (name) => {
  const model = await openOnnx(`${folder}/${name}/model.onnx`);
  const read = (k: string, ts: any) => Object.fromEntries(ts.map((t: any) => [t.name, readNpy(readFileSync(`${folder}/${name}/${k}/${t.name}.npy`))]));
  const cases = ["0", "1"].map((k) => read(k, model.inputs));
  const shapes = Object.fromEntries(model.inputs.flatMap((i: any) => i.shape.flatMap((s: any, a: number) => typeof s === "string" ? [[s, cases[0][i.name].shape[a]]] : [])));
  const compiled = await compile(model, { shapes, device: device as any });
  return { name, compiled, cases, want: [] as any[] };
}));
console.log("compiled");
for (const n of nets) for (const c of n.cases) n.want.push(await n.compiled.run(c));
let seed = 7; const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
let bad = 0, total = 0;
for (let r = 0; r < Number(rounds); r++) {
  const jobs = Array.from({ length: 1 + Math.floor(random() * 9) }, () => { const n = nets[Math.floor(random() * nets.length)]!; const k = random() < 0.5 ? 0 : 1; return { n, k }; });
  await Promise.all(jobs.map(async ({ n, k }) => { if (random() < 0.3) await new Promise((f) => setTimeout(f, random() * 4)); const got: any = await n.compiled.run(n.cases[k]); total++;
    for (const key of Object.keys(got)) { const a = new Uint32Array(got[key].data.buffer, got[key].data.byteOffset, got[key].data.length), b = new Uint32Array(n.want[k][key].data.buffer, n.want[k][key].data.byteOffset, n.want[k][key].data.length); let d = 0; for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) d++; if (d > 0) { bad++; console.log("round", r, n.name, k, key, d, "of", a.length, "differ"); } } }));
}
console.log(total, "runs,", bad, "differ");
process.exit(0);
