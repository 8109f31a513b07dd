// numpy's `default_rng(seed).standard_normal(n)`, so that a page and a notebook draw the same
// weights: SeedSequence, PCG64 (XSL-RR), and the ziggurat of 256 layers.

const U32 = 0xffffffff;
const U64 = (1n << 64n) - 1n;
const U128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

// The four 64-bit words that seed a generator, mixed from one whole number below 2^32.
function seedWords(seed) {
  const pool = [];
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    value = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x, y) => {
    const z = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) >>> 0;
    return (z ^ (z >>> 16)) >>> 0;
  };
  for (let i = 0; i < 4; i++) pool.push(hash(i === 0 ? seed & U32 : 0));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  constant = 0x8b51f9dd;
  const words = Array.from({ length: 8 }, (_, i) => {
    let value = (pool[i % 4] ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return BigInt((value ^ (value >>> 16)) >>> 0);
  });
  return [0, 2, 4, 6].map((i) => words[i] | (words[i + 1] << 32n));
}

// Layers of the ziggurat: x / 2^52 (`w`), the integers below which a draw is accepted at once (`k`),
// and the density (`f`).
const R = 3.6541528853610087963519472518;
const LAYER = 0.004928673233974655; // area of each layer
const [W, K, F] = (() => {
  const m = 2 ** 52, w = new Float64Array(256), k = new Float64Array(256), f = new Float64Array(256);
  let x = R, last = R;
  const q = LAYER / Math.exp(-0.5 * x * x);
  [k[0], w[0], w[255], f[0], f[255]] = [(x / q) * m, q / m, x / m, 1, Math.exp(-0.5 * x * x)];
  for (let i = 254; i > 0; i--) {
    x = Math.sqrt(-2 * Math.log(LAYER / x + Math.exp(-0.5 * x * x)));
    [k[i + 1], f[i], w[i]] = [(x / last) * m, Math.exp(-0.5 * x * x), x / m];
    last = x;
  }
  return [w, k, f];
})();

// A function that returns the next standard normal number of `default_rng(seed)`.
export function normals(seed) {
  const [s1, s0, i1, i0] = seedWords(seed);
  const increment = ((((i1 << 64n) | i0) << 1n) | 1n) & U128;
  let state = (increment + ((s1 << 64n) | s0)) & U128;
  const step = () => (state = (state * MULTIPLIER + increment) & U128);
  step();
  const next = () => {
    step();
    const mixed = (state >> 64n) ^ (state & U64), turn = state >> 122n;
    return ((mixed >> turn) | (mixed << (64n - turn))) & U64;
  };
  const uniform = () => Number(next() >> 11n) / 2 ** 53;
  return function normal() {
    for (;;) {
      const draw = next(), layer = Number(draw & 255n), whole = Number((draw >> 9n) & ((1n << 52n) - 1n));
      const x = ((draw >> 8n) & 1n ? -whole : whole) * W[layer];
      if (whole < K[layer]) return x;
      if (layer === 0) {
        for (;;) {
          const tail = -Math.log1p(-uniform()) / R, height = -Math.log1p(-uniform());
          if (2 * height > tail * tail) return Math.floor(whole / 256) % 2 ? -(R + tail) : R + tail;
        }
      }
      if ((F[layer - 1] - F[layer]) * uniform() + F[layer] < Math.exp(-0.5 * x * x)) return x;
    }
  };
}
