import { simulate } from './simulate.ts';
const from = Number(process.argv[2] ?? 1),
  count = Number(process.argv[3] ?? 20);
const t0 = performance.now();
let ops = 0,
  steps = 0,
  failed = 0;
const lines: string[] = [];
for (let s = from; s < from + count; s++) {
  lines.length = 0;
  const r = await simulate({ seed: s }, process.argv[4] ? { onLine: (l) => lines.push(l) } : {});
  ops += r.attempts;
  steps += r.steps;
  if (r.failure) {
    failed++;
    console.log(s, r.failure.slice(0, 1500));
    if (process.argv[4]) console.log(lines.slice(-Number(process.argv[4])).join('\n'));
  }
}
const sec = (performance.now() - t0) / 1000;
console.log({
  count,
  failed,
  sec,
  perSeed: (sec / count) * 1000,
  ops,
  opsPerSec: ops / sec,
  steps,
  stepsPerSec: steps / sec,
});
