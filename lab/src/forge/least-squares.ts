/**
 * Returns the change D [outputs, inputs], row-major, that minimises the sum over samples of |D x - r|^2 + ridge |D|^2. The
 * ridge is relative to the mean square of x, so little data changes little.
 * @param x f32[samples, inputs], row-major.
 * @param rest f32[samples, outputs]: the values r to fit.
 * Source: normal equations, Cholesky factorisation.
 */
export function fitChange(
  x: Float32Array,
  rest: Float32Array,
  { inputs, outputs, ridge }: { readonly inputs: number; readonly outputs: number; readonly ridge: number },
): Float64Array {
  const samples = x.length / inputs;
  const gram = new Float64Array(inputs * inputs);
  /** [inputs, outputs], the order in which samples are read. */
  const byInput = new Float64Array(inputs * outputs);
  for (let s = 0; s < samples; s++) {
    for (let i = 0; i < inputs; i++) {
      const value = x[s * inputs + i] as number;
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) {
        gram[i * inputs + j] = (gram[i * inputs + j] as number) + value * (x[s * inputs + j] as number);
      }
      for (let o = 0; o < outputs; o++) {
        byInput[i * outputs + o] = (byInput[i * outputs + o] as number) + value * (rest[s * outputs + o] as number);
      }
    }
  }
  let trace = 0;
  for (let i = 0; i < inputs; i++) trace += gram[i * inputs + i] as number;
  for (let i = 0; i < inputs; i++) gram[i * inputs + i] = (gram[i * inputs + i] as number) + (ridge * trace) / inputs;
  factor(gram, inputs);
  const cross = Float64Array.from(
    { length: outputs * inputs },
    (_, at) => byInput[(at % inputs) * outputs + Math.floor(at / inputs)] as number,
  );
  for (let o = 0; o < outputs; o++) solve(gram, cross.subarray(o * inputs, (o + 1) * inputs));
  return cross;
}

/** Cholesky, in place: the lower triangle becomes L with L L^T = a. */
function factor(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (a[i * n + k] as number) * (a[j * n + k] as number);
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / (a[j * n + j] as number);
    }
  }
}

/** L L^T x = b, in place. */
function solve(l: Float64Array, b: Float64Array): void {
  const n = b.length;
  for (let i = 0; i < n; i++) {
    let sum = b[i] as number;
    for (let k = 0; k < i; k++) sum -= (l[i * n + k] as number) * (b[k] as number);
    b[i] = sum / (l[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i] as number;
    for (let k = i + 1; k < n; k++) sum -= (l[k * n + i] as number) * (b[k] as number);
    b[i] = sum / (l[i * n + i] as number);
  }
}
