import { describe, expect, it } from 'vitest';
import { createApiApp } from '../http/api-app.ts';
import { explainUnserved, findUnserved } from './unserved-paths.ts';

describe('an endpoint that is not served here', () => {
  it.each([
    ['POST', '/v1/files', 'files'],
    ['GET', '/v1/responses/resp_1/input_items', 'stored'],
    ['POST', '/v1/responses/compact', 'stored'],
    ['GET', '/v1/chat/completions', 'stored'],
    ['DELETE', '/v1/models/a/b', 'deleting'],
    ['POST', '/v1/messages/batches', 'batches'],
  ])('has a reason: %s %s', (method, path, name) => {
    for (const place of ['local mode', 'gateway'] as const)
      expect(findUnserved(method, path, place)?.name).toContain(name);
  });

  it.each([
    ['POST', '/v1/chat/completions'],
    ['POST', '/v1/responses'],
    ['POST', '/v1/responses/input_tokens'],
    ['POST', '/v1/messages'],
    ['GET', '/v1/models/files'],
    ['GET', '/v1/filesystem'],
  ])('is not one that is served, or unknown: %s %s', (method, path) => {
    expect(findUnserved(method, path, 'gateway')).toBeUndefined();
  });

  it("names the gateway's own accounts where a caller asks for those of OpenAI", () => {
    for (const path of ['/v1/organization/costs', '/v1/projects/p/roles'])
      expect(findUnserved('GET', path, 'gateway')?.why).toContain('GET /v1/usage');
  });

  it("is Ollama's at a gateway alone", () => {
    expect(findUnserved('POST', '/api/chat', 'gateway')?.why).toContain('local mode');
    expect(findUnserved('POST', '/api/chat', 'local mode')).toBeUndefined();
  });

  it('is refused by name, before any other answer', async () => {
    const app = createApiApp();
    app.use(explainUnserved('gateway'));
    app.all('/v1/files', (context) => context.text('served'));
    const response = await app.request('/v1/files', { method: 'POST' }, {});
    expect(response.status).toBe(404);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect([error.code, error.message]).toEqual(['not_served', expect.stringContaining('no files are kept')]);
    expect((await app.request('/v1/none', {}, {})).status).toBe(404);
  });
});
