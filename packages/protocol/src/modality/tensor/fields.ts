import { type FieldRefusal, type FieldRules, isFalse } from '../shared/field-rules.ts';

/** The keys of a request for tensors (docs/spec/tensor.md), and those of other servers that would change the answer. */

const INPUTS: FieldRefusal = { refused: 'send the tensors by name in inputs' };

export const INFER_FIELDS: FieldRules = {
  model: 'works',
  inputs: 'works',
  outputs: 'works',
  ogong: 'works',

  user: 'ignored',
  metadata: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',

  input: INPUTS,
  instances: INPUTS,
  signature_name: { refused: 'an ONNX model has one signature' },
  stream: { refused: 'the whole answer comes at once; leave it out', unless: isFalse },
};

/** A tensor that states its type. */
export const TENSOR_FIELDS: FieldRules = { dtype: 'works', shape: 'works', data: 'works' };

export const TENSOR_API_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldRules>>>> = {
  Tensors: { 'POST /v1/infer': INFER_FIELDS, 'A tensor of /v1/infer': TENSOR_FIELDS },
};
