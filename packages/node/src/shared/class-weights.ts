/**
 * How a model's weights are stored, from the numeric class of whoever runs it: the fifth part of
 * build/backend/isa/kernels/weights/..., whatever the engine (docs/spec/numeric-class.md).
 * @returns undefined where the class has another form.
 */
export function readClassWeights(numericClass: string): string | undefined {
  return numericClass.split('/')[4] || undefined;
}
