import { GATEWAY_ROUTES, type Route } from '@ogong/protocol/http/routes';
import { expect, it } from 'vitest';
import { findNearRoute } from './near-route.ts';

const routes: readonly Route[] = [
  ...Object.values<Route>(GATEWAY_ROUTES),
  { method: 'POST', path: '/api/chat' },
  { method: 'GET', path: '/' },
];

it.each([
  ['POST', '/chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/v1/chat/completions/', 'POST /v1/chat/completions'],
  ['POST', '/v1//chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/v1/v1/messages', 'POST /v1/messages'],
  ['POST', '/api/v1/responses', 'POST /v1/responses'],
  ['POST', '/openai/v1/embeddings', 'POST /v1/embeddings'],
  ['GET', '/chat/completions', 'POST /v1/chat/completions'],
  ['GET', '/models', 'GET /v1/models'],
  ['GET', '/models/ogong/verified/a/b', 'GET /v1/models/ogong/verified/a/b'],
  ['POST', '/chat', 'POST /api/chat'],
  ['POST', '/v1/api/chat', 'POST /api/chat'],
  ['GET', '/health', 'GET /healthz'],
  ['GET', '/v1/health', 'GET /healthz'],
  ['POST', '/v1/dreams', undefined],
  ['GET', '/', undefined],
  ['GET', `/${'a/'.repeat(50)}usage`, undefined],
])('%s %s means %s', (method, path, found) => {
  expect(findNearRoute(routes, { method, path })).toBe(found);
});

it('names another path where a server has no such one', () => {
  const local = [{ method: 'GET', path: '/api/version' }] as const;
  expect(findNearRoute(local, { method: 'GET', path: '/health' })).toBe('GET /api/version');
});
