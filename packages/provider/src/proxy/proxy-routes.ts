import { ANSWERING_ROUTES, type Route } from '@ogong/protocol/http/routes';
import { ENDPOINT_INFO, isEndpoint } from '@ogong/protocol/modality/endpoints';

/** Routes that the proxy forwards unchanged to the hosted API: those on which hosted models answer. */
export const FORWARDED_ROUTES: Readonly<Record<string, Route>> = Object.fromEntries(
  Object.entries(ANSWERING_ROUTES).filter(([name]) => !isEndpoint(name) || ENDPOINT_INFO[name].isOpenAi),
);

/** Evidence of the machine and of its exchanges; the first two in the form of others (docs/spec/testimony.md#proxy). */
export const PROOF_ROUTES = {
  report: { method: 'GET', path: '/v1/attestation/report' },
  signature: { method: 'GET', path: '/v1/signature/:id' },
  aciReport: { method: 'GET', path: '/v1/aci/attestation' },
  aciReceipt: { method: 'GET', path: '/v1/aci/receipts/:id' },
  testimony: { method: 'GET', path: '/v1/testimony/:id' },
} as const satisfies Readonly<Record<string, Route>>;

/** Header of a request: 64 hex digits that its testimony answers. */
export const CHALLENGE_HEADER = 'x-ogong-challenge';
/** Header of an answer: the place of its testimony. */
export const TESTIMONY_HEADER = 'x-ogong-testimony';
