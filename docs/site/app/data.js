/* The data sets of the training room: rows of x1, x2 and the class, drawn from a seed, so that others see the same. */

/* Numbers from 0 to 1: mulberry32, a generator of 32 bits. */
const drawnFrom = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const PLACES = {
  moons: (of, u) => (of ? [Math.cos(Math.PI * u) * 0.8 - 0.35, Math.sin(Math.PI * u) * 0.8 - 0.25]
    : [0.35 - Math.cos(Math.PI * u) * 0.8, 0.25 - Math.sin(Math.PI * u) * 0.8]),
  circles: (of, u) => [Math.cos(2 * Math.PI * u), Math.sin(2 * Math.PI * u)].map((x) => x * (of ? 0.45 : 1.1)),
  XOR: (of, u, v) => {
    const [a, b] = [0.15 + 0.95 * u, 0.15 + 0.95 * v];
    return of ? (u * 7919) % 1 < 0.5 ? [a, -b] : [-a, b] : (u * 7919) % 1 < 0.5 ? [a, b] : [-a, -b];
  },
};

export const pointsOf = (name, seed, count = 60) => {
  const draw = drawnFrom(Number(seed) + 1);
  const noise = () => 0.12 * (draw() + draw() + draw() - 1.5);
  return Array.from({ length: count }, (_, i) => {
    const of = i % 2;
    const [x1, x2] = PLACES[name](of, draw(), draw());
    return [x1 + noise(), x2 + noise(), of].map((x) => Math.round(x * 1000) / 1000);
  });
};
