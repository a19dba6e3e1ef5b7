import { type ApiApp, type ApiAppOptions, createApiApp, type Handler, mountRoutes } from '@ogong/host/http/api-app';
import { assertOwnName, assertTrustedOrigin, type NameRules, showToTrusted } from '@ogong/host/http/trusted-origins';
import { MEMORY_ROUTES, type MemoryRouteName, PLAIN_MEMORY_ROUTES } from '../api/memory-routes.ts';

export interface MemoryAppOptions extends NameRules, Pick<ApiAppOptions, 'onFailure' | 'onAnswered'> {}

/** The API of memories with its guards against web pages. */
export function createMemoryApp(
  { origins, hosts = [], isLoopback, ...options }: MemoryAppOptions,
  handlers: Readonly<Record<MemoryRouteName, Handler>>,
): ApiApp {
  const app = createApiApp(options);
  app.use(assertOwnName({ origins, hosts, isLoopback }));
  app.use(assertTrustedOrigin(origins));
  app.use(showToTrusted(origins, []));
  mountRoutes(app, { health: { method: 'GET', path: '/healthz' } }, { health: ({ json }) => json({ ok: true }) });
  mountRoutes(app, MEMORY_ROUTES, handlers);
  mountRoutes(app, PLAIN_MEMORY_ROUTES, handlers);
  return app;
}
