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

/** Names of weight types by ONNX's codes (onnx.proto, TensorProto.DataType). Integers of 64 bits are indices and shapes. */
const WEIGHT_NAMES: Readonly<Record<number, string>> = {
  ...{ 1: 'f32', 2: 'int8', 3: 'int8', 10: 'f16', 11: 'f64', 16: 'bf16', 17: 'f8', 18: 'f8', 19: 'f8', 20: 'f8' },
  ...{ 21: 'int4', 22: 'int4' },
};

/** ONNX's codes of weights in 16 bits. */
const HALF_TYPES = [10, 16];

/** Returns the bytes that a processor needs beside the weights: those of 16 bits become f32, and the file's are kept until then. */
export const countWidenedBytes = ({ weightBytes }: Pick<OnnxFacts, 'weightBytes'>): number =>
  HALF_TYPES.reduce((sum, type) => sum + 2 * (weightBytes.get(type) ?? 0), 0);

/** Returns the type that most bytes of the weights have. */
export function findWeightType({ weightBytes }: OnnxFacts): string {
  const [largest] = [...weightBytes].filter(([code]) => code in WEIGHT_NAMES).sort((a, b) => b[1] - a[1]);
  return WEIGHT_NAMES[largest?.[0] ?? 1] as string;
}
