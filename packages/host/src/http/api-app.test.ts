import { getEventListeners, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type ApiApp, createApiApp, getCallSignal, mountRoutes } from './api-app.ts';
import { ApiError } from './api-error.ts';

/** Asks an app as a server does, but without a socket. */
const ask = async (app: ApiApp, path: string, method = 'GET') => app.request(path, { method }, {});

const ROUTES = {
  read: { method: 'GET', path: '/things/:id' },
  write: { method: 'POST', path: '/things/:id' },
  list: { method: 'GET', path: '/things' },
} as const;

function createThings() {
  const app = createApiApp();
  const named: (string | undefined)[] = [];
  app.use(async (context, next) => {
    await next();
    named.push(context.get('route'));
  });
  mountRoutes(app, ROUTES, {
    read: (context) => context.text(`read ${context.req.param('id')}`),
    write: (context) => context.text(`write ${context.req.param('id')}`),
    list: () => {
      throw new ApiError('no_provider', 'Nobody is there.', { retryAfterS: 7 });
    },
  });
  return { app, named };
}

describe('mounted routes', () => {
  it('answer by method and path, and name themselves', async () => {
    const { app, named } = createThings();
    expect(await (await ask(app, '/things/1')).text()).toBe('read 1');
    expect(await (await ask(app, '/things/2', 'POST')).text()).toBe('write 2');
    expect(named).toEqual(['read', 'write']);
  });

  it.each([
    ['/things/1', 'DELETE', 'GET, POST', 'Not allowed here: DELETE. Use GET or POST.'],
    ['/things', 'POST', 'GET', 'Not allowed here: POST. Use GET.'],
  ])('refuse another method on %s with the methods of that path', async (path, method, allow, message) => {
    const { app, named } = createThings();
    const response = await ask(app, path, method);
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    expect(await response.json()).toMatchObject({ error: { code: 'method_not_allowed', message } });
    expect(named).toEqual([undefined]);
  });

  it('leave other paths unknown', async () => {
    const response = await ask(createThings().app, '/other');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'unknown_url' } });
  });
});

describe('an app', () => {
  it('tells a client when to try again', async () => {
    const response = await ask(createThings().app, '/things');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '7']);
  });

  it('hides an unexpected error from the client and reports it with the request id', async () => {
    const failures: [unknown, string][] = [];
    const app = createApiApp({ onFailure: (error, id) => failures.push([error, id]) });
    app.get('/', () => {
      throw new Error('secret');
    });
    const response = await ask(app, '/');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(failures).toEqual([[new Error('secret'), response.headers.get('x-request-id')]]);
  });

  it('refuses a path that is not UTF-8', async () => {
    expect((await ask(createApiApp(), 'http://localhost/%ff')).status).toBe(400);
  });
});

describe('the signal of a call', () => {
  /** @returns the signals that a handler gets, and the parts that may end the call. */
  async function open() {
    const [client, server, outgoing] = [new AbortController(), new AbortController(), new PassThrough()];
    const app = createApiApp();
    const signals: AbortSignal[] = [];
    app.get('/', (context) => {
      signals.push(getCallSignal(context), getCallSignal(context));
      return context.text('');
    });
    const request = new Request('http://localhost/', { signal: client.signal });
    await app.request(request, undefined, { stopping: server.signal, outgoing: outgoing as unknown as ServerResponse });
    const [signal, again] = signals as [AbortSignal, AbortSignal];
    expect(again).toBe(signal);
    return { signal, client, server, outgoing };
  }

  it.each(['client', 'server'] as const)('is aborted by the %s, with its reason', async (who) => {
    const call = await open();
    expect(call.signal.aborted).toBe(false);
    call[who].abort('over');
    expect([call.signal.aborted, call.signal.reason]).toEqual([true, 'over']);
  });

  it('leaves nothing at the server once the response is closed', async () => {
    const { server, outgoing } = await open();
    expect(getEventListeners(server.signal, 'abort')).toHaveLength(1);
    outgoing.destroy();
    await once(outgoing, 'close');
    expect(getEventListeners(server.signal, 'abort')).toHaveLength(0);
  });
});
