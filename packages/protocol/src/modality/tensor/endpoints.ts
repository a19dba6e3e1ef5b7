import type { EndpointInfo } from '../endpoint-info.ts';

/** The endpoint of models that read and return named tensors. */
export const TENSOR_ENDPOINT_INFO = {
  infer: { path: '/v1/infer', idPrefix: 'infr', operation: 'infer', use: 'tensors', isOpenAi: false },
} as const satisfies Readonly<Record<string, EndpointInfo>>;
