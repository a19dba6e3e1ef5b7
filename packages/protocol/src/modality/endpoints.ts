import { EMBEDDING_ENDPOINT_INFO } from './embedding/endpoints.ts';
import type { EndpointInfo } from './endpoint-info.ts';
import { TENSOR_ENDPOINT_INFO } from './tensor/endpoints.ts';
import { TEXT_ENDPOINT_INFO } from './text/commitment/endpoints.ts';
import { TRAJECTORY_ENDPOINT_INFO } from './trajectory/endpoints.ts';

/** Every endpoint of every modality: the only list of them. It imports no code of a modality, so pages can use it. */
export const ENDPOINT_INFO = {
  ...TEXT_ENDPOINT_INFO,
  ...EMBEDDING_ENDPOINT_INFO,
  ...TRAJECTORY_ENDPOINT_INFO,
  ...TENSOR_ENDPOINT_INFO,
} as const satisfies Readonly<Record<string, EndpointInfo>>;

export type EndpointName = keyof typeof ENDPOINT_INFO;

/** The names of endpoints in requests, records and receipts. */
export const ENDPOINTS = Object.keys(ENDPOINT_INFO) as readonly EndpointName[];

export const isEndpoint = (name: string): name is EndpointName => Object.hasOwn(ENDPOINT_INFO, name);
