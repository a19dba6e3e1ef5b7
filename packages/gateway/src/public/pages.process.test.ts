import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture.close());

async function read(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${fixture.url}${path}`, { headers, redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('the pages of a gateway', () => {
  it('come with a policy, packed where the browser can unpack them', async () => {
    const { status, headers } = await read('/explorer/', { 'accept-encoding': 'gzip' });
    expect(status).toBe(200);
    expect(headers.get('content-encoding')).toBe('gzip');
    expect(headers.get('content-security-policy')).toContain("connect-src 'self';");
    const tag = headers.get('etag') as string;
    expect((await read('/explorer/', { 'if-none-match': tag })).status).toBe(304);
  });

  it('are no answer to a program that asks for the root', async () => {
    expect(await read('/')).toMatchObject({ status: 404 });
    expect((await read('/', { accept: 'text/html' })).text).toContain('<title>OGONG chat</title>');
  });

  it('are these files alone', async () => {
    expect((await read('/explorer')).headers.get('location')).toBe('/explorer/');
    for (const name of ['..%2fpackage.json', 'build.ts', 'nothing.js']) {
      expect((await read(`/explorer/${name}`)).status, name).toBe(404);
    }
  });
});
