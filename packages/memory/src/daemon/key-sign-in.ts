import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { MemoryApiOptions } from '../api/memory-handler.ts';
import type { CallerKey, MemoryKey } from '../api/memory-key.ts';
import { MEMORY_SCOPES, type MemoryScope } from '../api/memory-routes.ts';
import type { MemoryService } from '../memory-service.ts';
import type { MemoryKeys } from './memory-keys.ts';

/** The user of a service without keys, which serves this machine alone. */
export const OWNER = 'owner';

export interface KeySignIn {
  /** Without keys all callers are OWNER. It ends for good when the first key is made. @returns whether there are none. */
  start(): Promise<boolean>;
  readonly require: MemoryApiOptions['require'];
}

/** Knows callers by `Authorization: Bearer` or `X-API-Key`. */
export function createKeySignIn(keys: Omit<MemoryKeys, 'rotate'>, service: MemoryService): KeySignIn {
  let isOpen = false;

  /** @throws ApiError `invalid_api_key` */
  async function findKey({ req, env }: ApiContext): Promise<Pick<MemoryKey, 'user' | 'scopes' | 'expiresMs'>> {
    if (isOpen && (await keys.isEmpty())) return { user: OWNER, scopes: MEMORY_SCOPES, expiresMs: undefined };
    const [, bearer] = /^Bearer\s+(\S{1,200})$/i.exec(req.header('authorization') ?? '') ?? [];
    const secret = bearer ?? /^\S{1,200}$/.exec(req.header('x-api-key') ?? '')?.[0];
    const key = secret === undefined ? undefined : await keys.find(secret);
    if (key !== undefined) {
      env.welcome?.();
      return key;
    }
    const message =
      secret === undefined
        ? 'Send an API key as `Authorization: Bearer <key>` or as `X-API-Key: <key>`.'
        : 'This API key is unknown, revoked or expired. Keys are made with `ogong-memoryd key add`, or with another key.';
    throw new ApiError('invalid_api_key', message);
  }

  return {
    async start() {
      isOpen = await keys.isEmpty();
      return isOpen;
    },
    require: (scope, handle) => async (context) => {
      const { user, scopes, expiresMs } = await findKey(context);
      assertScope(scopes, scope);
      const key: CallerKey = { scopes, expiresMs, store: keys };
      return handle(context, { user, service, key });
    },
  };
}

/** @throws ApiError `forbidden` */
function assertScope(scopes: readonly MemoryScope[], scope: MemoryScope): void {
  const isKeeper = scope === 'keys' && scopes.includes('admin');
  if (!isKeeper && !scopes.includes(scope)) throw new ApiError('forbidden', `This API key has no right to ${scope}.`);
}
