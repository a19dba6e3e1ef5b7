import type { Route } from '@ogong/protocol/http/routes';

/** What the proxy hands to the hosted API as it comes, and takes back whole. */
export const FORWARDED_ROUTES = {
  chat: { method: 'POST', path: '/v1/chat/completions' },
  completion: { method: 'POST', path: '/v1/completions' },
  embedding: { method: 'POST', path: '/v1/embeddings' },
  response: { method: 'POST', path: '/v1/responses' },
  message: { method: 'POST', path: '/v1/messages' },
} as const satisfies Readonly<Record<string, Route>>;

/** What shows the machine, and what it did; the first two as others have them (docs/spec/testimony.md#proxy). */
export const PROOF_ROUTES = {
  report: { method: 'GET', path: '/v1/attestation/report' },
  signature: { method: 'GET', path: '/v1/signature/:id' },
  aciReport: { method: 'GET', path: '/v1/aci/attestation' },
  aciReceipt: { method: 'GET', path: '/v1/aci/receipts/:id' },
  testimony: { method: 'GET', path: '/v1/testimony/:id' },
} as const satisfies Readonly<Record<string, Route>>;

/** Of a request: 64 hex digits that its testimony answers. */
export const CHALLENGE_HEADER = 'x-ogong-challenge';
/** Of an answer: where its testimony is. */
export const TESTIMONY_HEADER = 'x-ogong-testimony';
