// What a run did: effective width of a set of units, as `saddle_utils.observables` counts it.

const TAU = 0.05; // of the largest, from which a size counts
const COSINE = 0.99; // from which two directions are one

// Effective width of units, their sizes measured against those of `reference`: the rank of a linear
// network, the number of clusters of active units of the others.
export function effectiveWidth(net, theta, reference) {
  if (net.kind === "linear") {
    const top = singularValues(net, reference)[0];
    return singularValues(net, theta).filter((value) => value > TAU * top).length;
  }
  const { nv, nu } = net, size = nv + nu, degree = net.kind === "relu" ? 1 : 2;
  const rows = (weights) => Array.from({ length: weights.length / size }, (_, i) => weights.subarray(i * size, (i + 1) * size));
  const weight = (row) => norm(row.subarray(0, nv)) * norm(row.subarray(nv)) ** degree;
  const largest = Math.max(...rows(reference).map(weight));
  const active = rows(theta).filter((row) => weight(row) > TAU * largest);
  const cosine = (a, b) => dot(a, b) / (norm(a) * norm(b));
  const alike = (a, b) => {
    const u = cosine(a.subarray(nv), b.subarray(nv));
    return cosine(a.subarray(0, nv), b.subarray(0, nv)) > COSINE && (degree === 1 ? u : Math.abs(u)) > COSINE;
  };
  let clusters = 0;
  const seen = new Set();
  for (const unit of active) {
    if (seen.has(unit)) continue;
    clusters++;
    const queue = [unit];
    seen.add(unit);
    while (queue.length) {
      const next = queue.pop();
      for (const other of active)
        if (!seen.has(other) && alike(next, other)) queue.push(other), seen.add(other);
    }
  }
  return clusters;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));

// Singular values of weights (units, features), in falling order, by Jacobi rotations.
function singularValues(net, theta) {
  const n = net.nv + net.nu, gram = Array.from({ length: n }, () => new Float64Array(n));
  for (let at = 0; at < theta.length; at += n)
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) gram[i][j] += theta[at + i] * theta[at + j];
  for (let sweep = 0; sweep < 12; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (gram[p][q] === 0) continue;
        const angle = 0.5 * Math.atan2(2 * gram[p][q], gram[q][q] - gram[p][p]);
        const c = Math.cos(angle), s = Math.sin(angle);
        for (let k = 0; k < n; k++)
          [gram[k][p], gram[k][q]] = [c * gram[k][p] - s * gram[k][q], s * gram[k][p] + c * gram[k][q]];
        for (let k = 0; k < n; k++)
          [gram[p][k], gram[q][k]] = [c * gram[p][k] - s * gram[q][k], s * gram[p][k] + c * gram[q][k]];
      }
  return gram.map((row, i) => Math.sqrt(Math.max(row[i], 0))).sort((a, b) => b - a);
}
