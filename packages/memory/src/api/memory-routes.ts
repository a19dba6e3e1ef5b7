import type { Route } from '@ogong/protocol/http/routes';

/**
 * Rights of a key: `read` finds and lists, `write` adds, changes and removes memories, `admin` removes the user and sets the webhook.
 * `keys` makes and revokes keys of the user; `admin` may do that, too.
 */
export const MEMORY_SCOPES = ['read', 'write', 'admin', 'keys'] as const;
export type MemoryScope = (typeof MEMORY_SCOPES)[number];

export interface MemoryRoute extends Route {
  readonly scope: MemoryScope;
}

/** The API of memories (docs/memory.md#api). Server and client both use this table. */
export const MEMORY_ROUTES = {
  addition: { method: 'POST', path: '/v1/memories', scope: 'write' },
  search: { method: 'POST', path: '/v1/memories/search', scope: 'read' },
  document: { method: 'GET', path: '/v1/memories/openapi.json', scope: 'read' },
  list: { method: 'GET', path: '/v1/memories', scope: 'read' },
  userRemoval: { method: 'DELETE', path: '/v1/memories', scope: 'admin' },
  importation: { method: 'POST', path: '/v1/memories/import', scope: 'write' },
  question: { method: 'POST', path: '/v1/ask', scope: 'read' },
  memory: { method: 'GET', path: '/v1/memories/:id', scope: 'read' },
  edit: { method: 'PATCH', path: '/v1/memories/:id', scope: 'write' },
  removal: { method: 'DELETE', path: '/v1/memories/:id', scope: 'write' },
  history: { method: 'GET', path: '/v1/memories/:id/history', scope: 'read' },
  proof: { method: 'GET', path: '/v1/memories/:id/proof', scope: 'read' },
  chatImport: { method: 'POST', path: '/v1/integrations/chat', scope: 'write' },
  fileImport: { method: 'POST', path: '/v1/integrations/files', scope: 'write' },
  socialImport: { method: 'POST', path: '/v1/integrations/social', scope: 'write' },
  imports: { method: 'GET', path: '/v1/integrations', scope: 'read' },
  import: { method: 'GET', path: '/v1/integrations/:id', scope: 'read' },
  webhook: { method: 'GET', path: '/v1/webhook', scope: 'admin' },
  webhookEdit: { method: 'PUT', path: '/v1/webhook', scope: 'admin' },
  webhookRemoval: { method: 'DELETE', path: '/v1/webhook', scope: 'admin' },
  keys: { method: 'GET', path: '/v1/api-keys', scope: 'keys' },
  keyAddition: { method: 'POST', path: '/v1/api-keys', scope: 'keys' },
  keyRevocation: { method: 'DELETE', path: '/v1/api-keys/:id', scope: 'keys' },
  profile: { method: 'GET', path: '/v1/profile', scope: 'read' },
  bio: { method: 'GET', path: '/v1/bio', scope: 'read' },
  bioEdit: { method: 'PUT', path: '/v1/bio', scope: 'write' },
} as const satisfies Readonly<Record<string, MemoryRoute>>;

export type MemoryRouteName = keyof typeof MEMORY_ROUTES;

/** The same routes without `/v1`: some clients leave it out. */
export const PLAIN_MEMORY_ROUTES = Object.fromEntries(
  Object.entries(MEMORY_ROUTES).map(([name, { method, path }]) => [name, { method, path: path.replace('/v1', '') }]),
) as Readonly<Record<MemoryRouteName, Route>>;
