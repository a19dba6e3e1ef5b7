import type { OnnxFacts } from '@ogong/models/onnx/read';

/** Operators that round values to integers of 8 bits on the way. Their results drift far between machines. */
const INTEGER_OPERATORS = [
  ...['MatMulInteger', 'ConvInteger', 'DynamicQuantizeLinear', 'QuantizeLinear', 'QLinearConv', 'QLinearMatMul'],
  ...['DynamicQuantizeMatMul', 'DynamicQuantizeLSTM', 'MatMulIntegerToFloat', 'QAttention', 'QGemm', 'QLinearAdd'],
  ...['QLinearMul', 'QLinearConcat', 'QLinearSoftmax', 'QLinearSigmoid', 'QLinearGlobalAveragePool', 'QMoE'],
];
/** Operators that draw numbers of their own, so a run cannot be repeated. */
const RANDOM_OPERATORS = [
  ...['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Multinomial', 'Bernoulli'],
];
/** Level at which `MatMulNBits` rounds the values that it multiplies to 8 bits. */
const INTEGER_ACCURACY = 4;

const withoutDomain = (operator: string): string => operator.slice(operator.lastIndexOf(':') + 1);

/** Explains why a network is refused; undefined if it is not. */
export function explainRefusal({ operators, accuracyLevels }: OnnxFacts): string | undefined {
  const names = [...operators.keys()].map(withoutDomain);
  const integer = names.filter((name) => INTEGER_OPERATORS.includes(name));
  if (accuracyLevels.has(INTEGER_ACCURACY)) integer.push(`MatMulNBits of accuracy level ${INTEGER_ACCURACY}`);
  if (integer.length > 0)
    return `it rounds values to 8 bits while it computes (${integer.join(', ')}), so honest machines differ; export it in f32 or f16, or with quantised weights alone`;
  const random = names.filter((name) => RANDOM_OPERATORS.includes(name));
  if (random.length > 0) return `it draws random numbers (${random.join(', ')}), so no run can be repeated`;
  return undefined;
}

/** Types of weights by ONNX's codes (onnx.proto, TensorProto.DataType). Integers of 64 bits are indices and shapes. */
const WEIGHT_TYPES: Readonly<Record<number, { readonly name: string; readonly bits: number }>> = {
  ...{ 1: { name: 'f32', bits: 32 }, 10: { name: 'f16', bits: 16 }, 11: { name: 'f64', bits: 64 } },
  ...{ 16: { name: 'bf16', bits: 16 }, 17: { name: 'f8', bits: 8 }, 18: { name: 'f8', bits: 8 } },
  ...{ 19: { name: 'f8', bits: 8 }, 20: { name: 'f8', bits: 8 }, 2: { name: 'int8', bits: 8 } },
  ...{ 3: { name: 'int8', bits: 8 }, 21: { name: 'int4', bits: 4 }, 22: { name: 'int4', bits: 4 } },
};

/** Returns the type that most bytes of the weights have. */
export function findWeightType({ weightBytes }: OnnxFacts): string {
  const [largest] = [...weightBytes].filter(([code]) => code in WEIGHT_TYPES).sort((a, b) => b[1] - a[1]);
  return WEIGHT_TYPES[largest?.[0] ?? 1]?.name as string;
}

/** Counts the weights of a network. */
export const countWeights = ({ weightBytes }: OnnxFacts): number =>
  [...weightBytes].reduce((sum, [code, bytes]) => {
    const type = WEIGHT_TYPES[code];
    return type === undefined ? sum : sum + (bytes * 8) / type.bits;
  }, 0);
