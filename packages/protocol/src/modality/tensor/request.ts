import type { Demands } from '../demands.ts';
import { applyRules, type DroppedFields } from '../shared/field-rules.ts';
import { parsePreference, type RequestPreference } from '../shared/preference-fields.ts';
import { RequestError } from '../shared/request-error.ts';
import { parseDemands, parseModelName, parseObject } from '../shared/request-fields.ts';
import { TENSOR_ENDPOINT_INFO } from './endpoints.ts';
import { INFER_FIELDS } from './fields.ts';
import { countUnits, type GivenTensor, parseGivenTensor, parseOutputNames } from './given-tensor.ts';
import { MAX_TENSORS } from './tensor-form.ts';

export type TensorEndpoint = keyof typeof TENSOR_ENDPOINT_INFO;
export const TENSOR_ENDPOINTS = Object.keys(TENSOR_ENDPOINT_INFO) as readonly TensorEndpoint[];

/** The fields that header, fee and verdict depend on, without values. Co-signers see only these (docs/spec/tensor.md). */
export interface AskedTensors {
  readonly endpoint: TensorEndpoint;
  readonly model: string;
  readonly demands: Demands;
  /** Units of the inputs. The reply bills all of them. */
  readonly promptTokenBound: number;
  /** Names of the outputs, in the order of the reply; empty: all outputs of the model. */
  readonly outputs: readonly string[];
}

/** A body of `POST /v1/infer` (docs/spec/tensor.md). */
export interface TensorRequest extends AskedTensors {
  /** In the order of the body. */
  readonly inputs: readonly GivenTensor[];
  readonly preference: RequestPreference;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/** @throws RequestError naming the offending parameter. */
export function parseTensorRequest(body: Uint8Array): TensorRequest {
  const fields = parseObject(body);
  const collected: DroppedFields = { dropped: [] };
  applyRules(collected, fields, INFER_FIELDS);
  const named = parseModelName(fields.model);
  const inputs = parseInputs(fields.inputs, collected);
  return {
    ...{ endpoint: 'infer', model: named.model, inputs, promptTokenBound: countUnits(inputs) },
    outputs: parseOutputNames(fields.outputs, MAX_TENSORS),
    demands: parseDemands(fields.ogong),
    preference: parsePreference(fields.ogong, named),
    dropped: collected.dropped,
  };
}

function parseInputs(value: unknown, collected: DroppedFields): GivenTensor[] {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0 || entries.length > MAX_TENSORS)
    throw new RequestError(`inputs is an object of 1 to ${MAX_TENSORS} tensors by name`, 'inputs');
  return entries.map(([name, given]) => parseGivenTensor(name, given, collected));
}
